using System.Diagnostics;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>Who waits for a dial goes away; virtual time stands still, so nothing here waits for a timer.</summary>
[TestFixture]
internal sealed class DialCancellationTests : DeviceFixture
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMilliseconds(100);

    private TaskCompletionSource<CancellationToken> _dialling = null!;

    [SetUp]
    public void DialForEver()
    {
        _dialling = new TaskCompletionSource<CancellationToken>(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = async (_, token) =>
        {
            _dialling.SetResult(token);
            await Task.Delay(Timeout.Infinite, token);
            return Dialer.Create();
        };
    }

    [Weakness(10)]
    [TestCase(AcceptMode.DialFirst)]
    [TestCase(AcceptMode.AcceptFirst)]
    public async Task An_RST_of_the_application_fires_the_token_within_100_ms(AcceptMode mode)
    {
        LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time, AcceptMode = mode });
        await using (device)
        {
            PacketLink link = new(device);
            await Timely.WithinAsync(s_limit, "from the RST to the token", async () =>
            {
                (TcpPeer peer, CancellationToken token) = await DialAsync(link, mode);
                long start = Stopwatch.GetTimestamp();
                if (mode == AcceptMode.DialFirst)
                    link.Send(PacketBuilder.TcpSegment(peer.Local, peer.Remote, peer.InitialSequence + 1, 0, TcpFlags.Rst, 0));
                else
                    peer.SendReset();
                await FiredAsync(token);
                return Stopwatch.GetElapsedTime(start);
            });
            Assert.That(device.GetStatistics(), Has.Property(nameof(LwipStatistics.DialsTimedOut)).Zero);
        }
    }

    [Weakness(10)]
    [Test]
    public async Task The_device_s_disposal_fires_the_token_within_100_ms()
    {
        await Timely.WithinAsync(s_limit, "from the disposal to the token", async () =>
        {
            LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time });
            PacketLink link = new(device);
            (_, CancellationToken token) = await DialAsync(link, AcceptMode.DialFirst);
            long start = Stopwatch.GetTimestamp();
            ValueTask disposal = device.DisposeAsync();
            await FiredAsync(token);
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            await disposal;
            await link.Completion;
            return elapsed;
        });
    }

    [Weakness(10)]
    [TestCase(AcceptMode.DialFirst, 10_000, TestName = "The token fires at the default dial timeout of 10 s")]
    [TestCase(AcceptMode.DialFirst, 3_000, TestName = "The token fires at a configured dial timeout")]
    [TestCase(AcceptMode.AcceptFirst, 10_000, TestName = "The token fires at the dial timeout after the application's FIN")]
    public async Task The_token_fires_at_the_timeout(AcceptMode mode, int milliseconds)
    {
        TimeSpan timeout = TimeSpan.FromMilliseconds(milliseconds);
        LwipDeviceOptions options = new() { TimeProvider = Time, AcceptMode = mode };
        if (options.DialTimeout != timeout)
            options = options with { DialTimeout = timeout };
        LwipDevice device = new(Dialer, Proxy, options);
        await using (device)
        {
            PacketLink link = new(device);
            (TcpPeer peer, CancellationToken token) = await DialAsync(link, mode);
            if (mode == AcceptMode.AcceptFirst)
            {
                // A half-closed application may still want the answer: only the timeout ends its dial.
                peer.SendFin();
                await peer.WaitAcknowledgedAsync();
            }

            Time.Advance(timeout - s_limit);
            Assert.That(token.IsCancellationRequested, Is.False, "before the timeout");
            Time.Advance(2 * s_limit);
            await FiredAsync(token);
            await peer.WaitResetAsync();
            Assert.That(device.GetStatistics(), Has.Property(nameof(LwipStatistics.DialsTimedOut)).EqualTo(1));
        }
    }

    [AcceptanceRow(10)]
    [TestCase("synchronously")]
    [TestCase("asynchronously")]
    [TestCase("cancelled")]
    [TestCase("cancelled, asynchronously")]
    [TestCase("null")]
    public async Task A_dial_that_fails_is_told_by_RST_within_100_ms(string how)
    {
        Dialer.OnDial = (_, _) => how switch
        {
            "synchronously" => throw new InvalidOperationException(how),
            "cancelled" => throw new OperationCanceledException(),
            "null" => new ValueTask<StreamConnection>((StreamConnection)null!),
            _ => ThrowAsync<StreamConnection>(how),
        };
        await Timely.WithinAsync(s_limit, $"from the SYN to the RST, dialer fails {how}", async () =>
        {
            TcpPeer peer = Link.CreatePeer(Server4);
            long start = Stopwatch.GetTimestamp();
            bool connected = await peer.ConnectAsync();
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            Assert.That((connected, peer.WasReset), Is.EqualTo((false, true)));
            return elapsed;
        });

        Dialer.OnDial = null;
        await ConnectAsync();
    }

    [AcceptanceRow(10)]
    [TestCase("synchronously", 4)]
    [TestCase("asynchronously", 4)]
    [TestCase("cancelled", 4)]
    [TestCase("cancelled, asynchronously", 6)]
    public async Task A_session_that_fails_to_open_is_told_by_ICMP_within_100_ms(string how, int family)
    {
        Proxy.OnOpen = (_, _) => how switch
        {
            "synchronously" => throw new InvalidOperationException(how),
            "cancelled" => throw new OperationCanceledException(),
            _ => ThrowAsync(how),
        };
        int port = 5000;
        await Timely.WithinAsync(s_limit, $"from the datagram to the ICMP message, proxy fails {how}", async () =>
        {
            long start = Stopwatch.GetTimestamp();
            Link.Send(PacketBuilder.UdpDatagram(new IPEndPoint(IPAddress.Parse(family == 4 ? "10.9.0.2" : "fd09::2"), ++port), family == 4 ? Server4 : Server6, "x"u8));
            ParsedPacket answer = await Link.NextAsync();
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            Assert.That(answer.IsUnreachable, Is.True);
            return elapsed;
        });
    }

    private static async ValueTask<T> ThrowAsync<T>(string how)
    {
        await ThrowAsync(how);
        return default!;
    }

    private static async ValueTask ThrowAsync(string how)
    {
        await Task.Yield();
        throw how.StartsWith("cancelled", StringComparison.Ordinal) ? new OperationCanceledException() : new InvalidOperationException(how);
    }

    private async Task<(TcpPeer Peer, CancellationToken Token)> DialAsync(PacketLink link, AcceptMode mode)
    {
        _dialling = new TaskCompletionSource<CancellationToken>(TaskCreationOptions.RunContinuationsAsynchronously);
        TcpPeer peer = link.CreatePeer(Server4);
        if (mode == AcceptMode.AcceptFirst)
            Assert.That(await peer.ConnectAsync(), Is.True);
        else
            peer.SendSyn();
        return (peer, await _dialling.Task.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    private static async Task FiredAsync(CancellationToken token)
    {
        TaskCompletionSource fired = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration = token.Register(fired.SetResult);
        await fired.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }
}
