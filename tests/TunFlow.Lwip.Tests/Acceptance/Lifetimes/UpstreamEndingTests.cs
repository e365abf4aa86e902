using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>Every way in which a flow ends, and what its upstream and its application get to see of it.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class UpstreamEndingTests : DeviceFixture
{
    public enum Ending
    {
        ApplicationFirst,
        UpstreamFirst,
        ApplicationReset,
        ApplicationResetAfterFin,
        UpstreamReadError,
        UpstreamWriteError,
        DialTooLate,
        DialAfterApplicationLeft,
        DialerReplaced,
        AbortedByTheDevice,
        DeviceDisposed,
        DialAfterDisposal,
    }

    [Weakness(11)]
    [Test]
    public async Task An_upstream_is_disposed_exactly_once([Values] Ending ending, [Values] AcceptMode mode)
    {
        LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time, AcceptMode = mode, FirstPayloadTimeout = TimeSpan.FromMilliseconds(1) });
        PacketLink link = new(device);
        FakeUpstream upstream = await EndAsync(device, link, ending, mode);

        await AdvanceAsync(TimeSpan.FromSeconds(5), () => upstream.Disposals != 0 && device.GetStatistics().Flows == 0);
        await device.DisposeAsync();
        await link.Completion;
        await Eventually.HoldsAsync(() => upstream.Disposals == 1 && device.IsReleased, "one disposal and the stack's end");
        // Nothing of the flow runs any more, so there is nobody who could dispose it again.
        Assert.That(upstream.Disposals, Is.EqualTo(1));
    }

    [Weakness(11)]
    [Test]
    public async Task A_hundred_finished_flows_hold_no_descriptor()
    {
        using Socket listener = TcpLoopback.Listen();
        TcpDialer dialer = new();
        Dialer.OnDial = (_, token) => dialer.DialStreamAsync(listener.LocalEndPoint!, token);
        int before = Leaks.ProcessResources.Count().Descriptors;
        for (int i = 0; i < 100; i++)
        {
            TcpPeer peer = Link.CreatePeer(Server4);
            Assert.That(await peer.ConnectAsync(), Is.True);
            using Socket server = await listener.AcceptAsync();
            server.Shutdown(SocketShutdown.Send);
            await peer.WaitFinAsync();
            peer.SendFin();
        }

        // Without a garbage collection.
        await Eventually.HoldsAsync(() => Leaks.ProcessResources.Count().Descriptors <= before, "all descriptors closed");
    }

    [Weakness(12)]
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(100_000)]
    public async Task What_a_server_sent_before_it_reset_arrives_and_then_an_RST(int length)
    {
        using Socket listener = TcpLoopback.Listen();
        TcpDialer dialer = new();
        Dialer.OnDial = (_, token) => dialer.DialStreamAsync(listener.LocalEndPoint!, token);
        TcpPeer peer = Link.CreatePeer(Server4);
        Assert.That(await peer.ConnectAsync(), Is.True);
        using Socket server = await listener.AcceptAsync();
        byte[] data = new byte[length];
        new Random(12).NextBytes(data);
        await server.SendAsync(data);
        // An RST overtakes what is in the relay's socket; the bytes are to be with the application's side first.
        await peer.WaitAsync(() => peer.ReceivedBytes == length);
        server.Close(0);

        await AdvanceAsync(TimeSpan.FromSeconds(5), () => peer.WasReset);
        await peer.WaitResetAsync();
        Assert.That((await peer.ReceiveAsync(length)).AsSpan().SequenceEqual(data), Is.True);
        Assert.That(peer.FinReceived, Is.False, "an end that looks complete");
    }

    [Weakness(12)]
    [Test]
    public async Task An_RST_of_the_application_reaches_the_server_within_a_second()
    {
        using Socket listener = TcpLoopback.Listen();
        TcpDialer dialer = new();
        Dialer.OnDial = (_, token) => dialer.DialStreamAsync(listener.LocalEndPoint!, token);
        await Timely.WithinAsync(TimeSpan.FromSeconds(1), "from the application's RST to the server's", async () =>
        {
            TcpPeer peer = Link.CreatePeer(Server4);
            Assert.That(await peer.ConnectAsync(), Is.True);
            using Socket server = await listener.AcceptAsync();
            Task<int> receive = server.ReceiveAsync(new byte[1]);
            long start = Stopwatch.GetTimestamp();
            peer.SendReset();
            SocketException? error = null;
            try
            {
                await receive.WaitAsync(TimeSpan.FromSeconds(10));
            }
            catch (SocketException exception)
            {
                error = exception;
            }

            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            Assert.That(error?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset), "no end that looks complete");
            return elapsed;
        });
        await Eventually.HoldsAsync(() => Statistics.Flows == 0, "the flows are freed");
    }

    private async Task<FakeUpstream> EndAsync(LwipDevice device, PacketLink link, Ending ending, AcceptMode mode)
    {
        TaskCompletionSource<StreamConnection> late = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (ending is Ending.DialTooLate or Ending.DialAfterApplicationLeft or Ending.DialAfterDisposal)
            Dialer.OnDial = (_, _) => new ValueTask<StreamConnection>(late.Task);
        TcpPeer peer = link.CreatePeer(Server4);
        peer.AllowRetransmissions = true;
        peer.SendSyn();
        await AdvanceAsync(TimeSpan.FromSeconds(2), () => Dialer.Calls == 1);
        await Eventually.HoldsAsync(() => Dialer.Calls == 1, "the dial");
        if (Dialer.OnDial is not null)
        {
            await EndDialAsync(device, link, peer, ending, mode);
            FakeUpstream created = Dialer.Create();
            late.SetResult(created);
            return created;
        }

        await peer.WaitAsync(() => peer.IsOpen);
        await Eventually.HoldsAsync(() => device.GetStatistics().DialsSucceeded == 1, "the dial's end");
        FakeUpstream upstream = Dialer.Upstreams.Single();
        switch (ending)
        {
            case Ending.ApplicationFirst:
                peer.SendFin();
                await Eventually.HoldsAsync(() => upstream.WritesWereCompleted, "the end");
                await upstream.Answers.CompleteAsync();
                await peer.WaitFinAsync();
                break;
            case Ending.UpstreamFirst:
                await upstream.Answers.CompleteAsync();
                await peer.WaitFinAsync();
                peer.SendFin();
                break;
            case Ending.ApplicationReset:
                peer.SendReset();
                break;
            case Ending.ApplicationResetAfterFin:
                peer.SendFin();
                await Eventually.HoldsAsync(() => upstream.WritesWereCompleted, "the end");
                peer.SendReset();
                break;
            case Ending.UpstreamReadError:
                upstream.ReadError = new NetworkException(NetworkError.ConnectionReset);
                await upstream.Answers.CompleteAsync();
                break;
            case Ending.UpstreamWriteError:
                upstream.WriteError = new NetworkException(NetworkError.ConnectionReset);
                await peer.SendAsync(new byte[10]);
                break;
            case Ending.DialerReplaced:
                device.SetDialer(new FakeDialer(), ExistingFlows.Reset);
                break;
            case Ending.AbortedByTheDevice:
                device.AbortAll();
                break;
            default:
                await device.DisposeAsync();
                break;
        }

        return upstream;
    }

    /// <summary>The dial is given up, and succeeds nevertheless.</summary>
    private async Task EndDialAsync(LwipDevice device, PacketLink link, TcpPeer peer, Ending ending, AcceptMode mode)
    {
        switch (ending)
        {
            case Ending.DialTooLate:
                await AdvanceAsync(TimeSpan.FromSeconds(11), () => peer.WasReset);
                await peer.WaitResetAsync();
                break;
            case Ending.DialAfterApplicationLeft:
                if (mode == AcceptMode.DialFirst)
                    link.Send(PacketBuilder.TcpSegment(peer.Local, peer.Remote, peer.InitialSequence + 1, 0, TcpFlags.Rst, 0));
                else
                    peer.SendReset();
                await Eventually.HoldsAsync(() => device.GetStatistics().Flows == 0, "the flow's end");
                break;
            default:
                await device.DisposeAsync();
                break;
        }
    }
}
