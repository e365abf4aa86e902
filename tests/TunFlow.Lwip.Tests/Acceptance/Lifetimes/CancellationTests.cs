using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>Ten thousand calls in all, each cancelled at a random moment: before, during and after.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class CancellationTests
{
    private static readonly IPEndPoint s_server = IPEndPoint.Parse("93.184.216.34:80");

    private static readonly int s_rounds = Campaign.Rounds(2500, 100_000);

    [SetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [AcceptanceRow(35)]
    [Test]
    public async Task Cancelled_reads_of_a_flow_lose_no_byte()
    {
        (LwipDevice device, PacketLink link, TcpPeer peer, LwipFlow flow) = await OpenAsync();
        byte[] data = new byte[200_000];
        new Random(1).NextBytes(data);
        Task sending = Task.Run(async () =>
        {
            // In pieces, so that most reads find nothing at first.
            for (int i = 0; i < data.Length; i += 100)
            {
                await peer.SendAsync(data.AsMemory(i, 100), TimeSpan.FromSeconds(60));
                await Task.Yield();
            }
        });
        using MemoryStream received = new();
        byte[] buffer = new byte[1000];
        int cancelled = 0, calls = 0;
        for (; received.Length < data.Length || calls < s_rounds; calls++)
        {
            // Once everything has arrived nothing but a token ends a read.
            (bool ended, int length) = await TryAsync(calls, token => flow.ReadAsync(buffer, token), certain: received.Length == data.Length);
            cancelled += ended ? 0 : 1;
            received.Write(buffer, 0, length);
        }

        await sending;
        Assert.That(received.ToArray().AsSpan().SequenceEqual(data), Is.True);
        Assert.That((cancelled > s_rounds / 10, peer.WasReset), Is.EqualTo((true, false)), $"{cancelled} of {calls} reads were cancelled");
        await flow.DisposeAsync();
        await EndAsync(device, link);
    }

    [AcceptanceRow(35)]
    [Test]
    public async Task Cancelled_writes_of_a_flow_leave_what_they_took_in_order()
    {
        (LwipDevice device, PacketLink link, TcpPeer peer, LwipFlow flow) = await OpenAsync();
        peer.AutoAcknowledge = false;
        int cancelled = 0;
        byte[] piece = new byte[4000];
        for (int i = 0; i < s_rounds; i++)
        {
            // The window is closed most of the time, so most writes wait.
            Array.Fill(piece, (byte)i);
            (bool ended, _) = await TryAsync(i, async token =>
            {
                await flow.WriteAsync(piece, token);
                return 0;
            });
            cancelled += ended ? 0 : 1;
            if (i % 16 == 0)
                peer.SendAcknowledgment();
        }

        peer.AutoAcknowledge = true;
        peer.SendAcknowledgment();
        await flow.CompleteWritesAsync();
        await peer.WaitFinAsync(TimeSpan.FromSeconds(30));
        byte[] received = await peer.ReceiveToEndAsync();
        // Parts of pieces, none twice and none before an earlier one: each byte says of which piece it is.
        int last = -1, changes = 0;
        foreach (byte value in received)
        {
            if (value != last)
                changes++;
            last = value;
        }

        Assert.That(changes, Is.LessThanOrEqualTo(s_rounds), "pieces that were torn apart by others");
        Assert.That(cancelled, Is.GreaterThan(s_rounds / 10), "cancelled writes");
        await flow.DisposeAsync();
        await EndAsync(device, link);
    }

    [AcceptanceRow(35)]
    [Test]
    public async Task Cancelled_reads_of_the_device_lose_no_packet()
    {
        LwipDevice device = new(new FakeDialer(), new FakePacketProxy());
        Task writing = Task.Run(async () =>
        {
            for (int i = 0; i < s_rounds; i++)
            {
                await device.WriteAsync(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), s_server, BitConverter.GetBytes(i)));
                // Within what a session lets wait.
                while (device.GetStatistics() is { } now && now.PacketsIn - now.DatagramsDown > 100)
                    await Task.Yield();
            }
        });
        byte[] buffer = new byte[1500];
        int cancelled = 0, packets = 0;
        for (int calls = 0; packets < s_rounds; calls++)
        {
            (bool ended, int length) = await TryAsync(calls, token => device.ReadAsync(buffer, token));
            if (!ended)
            {
                cancelled++;
                continue;
            }

            Assert.That(BitConverter.ToInt32(ParsedPacket.Parse(buffer.AsSpan(0, length)).Payload.Span), Is.EqualTo(packets), "in order, none lost");
            packets++;
        }

        await writing;
        Assert.That(cancelled, Is.GreaterThan(s_rounds / 100), "cancelled reads");
        await device.DisposeAndDrainAsync();
    }

    [AcceptanceRow(35)]
    [Test]
    public async Task Every_other_call_may_be_cancelled_at_any_time()
    {
        FakeDialer dialer = new();
        FakePacketProxy proxy = new();
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        (MemoryDevice otherNear, MemoryDevice otherFar) = MemoryDevice.CreatePair();
        Tunnel tunnel = Tunnel.Start(near, dialer, proxy);
        PacketLink link = new(far);
        PacketLink otherLink = new(otherFar);
        link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), s_server, "x"u8));
        await link.NextAsync();
        IPacketResponseReceiver receiver = proxy.Sessions.Single().Receiver;
        byte[] packet = PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), s_server, "y"u8);
        bool isOther = false;
        for (int i = 0; i < s_rounds; i++)
        {
            int what = i % 8;
            (bool ended, _) = await TryAsync(i, async token =>
            {
                switch (what)
                {
                    case 0:
                        await tunnel.ReplaceDeviceAsync(isOther ? near : otherNear, token);
                        break;
                    case 1 or 2:
                        await tunnel.Stack.WriteAsync(packet, token);
                        break;
                    case 3:
                        await tunnel.Stack.WriteBatchAsync(new PacketBuffer[] { new(packet) { Length = packet.Length } }, token);
                        break;
                    default:
                        await receiver.WriteFromAsync(packet, s_server, token);
                        break;
                }

                return 0;
            });
            // The exchange itself goes on once it has begun; cancelled before, it wasn't begun.
            if (what == 0 && ended)
                isOther = !isOther;
        }

        // Stopping, whose wait alone is cancelled, comes to its end.
        Task[] stops = [.. Enumerable.Range(0, 20).Select(i => TryAsync(i, async token =>
        {
            await tunnel.StopAsync(token);
            return 0;
        }))];
        await Task.WhenAll(stops).WaitAsync(TimeSpan.FromSeconds(10));
        await tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(tunnel.Completion.IsCompletedSuccessfully, Is.True);
        foreach (MemoryDevice device in new[] { near, far, otherNear, otherFar })
            await device.DisposeAsync();
        await Task.WhenAll(link.Completion, otherLink.Completion).WaitAsync(TimeSpan.FromSeconds(10));
    }

    /// <summary>False, and 0, if the call was cancelled; anything else that it fails with is the test's failure.</summary>
    private static async Task<(bool Ended, int Result)> TryAsync(int number, Func<CancellationToken, ValueTask<int>> call, bool certain = false)
    {
        using CancellationTokenSource source = new();
        // Before the call, right after it began, a little or a while later from another thread, or never.
        int moment = certain ? number % 3 : number % 5;
        if (moment == 0)
            await source.CancelAsync();
        Task<int> running = call(source.Token).AsTask();
        if (moment == 1)
            await source.CancelAsync();
        Task cancelling = moment == 2 ? Task.Run(() => CancelSoon(source, number), CancellationToken.None) : Task.CompletedTask;
        try
        {
            if (moment > 2 && await Task.WhenAny(running, Task.Delay(1, CancellationToken.None)) != running)
                await source.CancelAsync();
            return (true, await running.WaitAsync(TimeSpan.FromSeconds(30), CancellationToken.None));
        }
        catch (OperationCanceledException)
        {
            return (false, 0);
        }
        finally
        {
            await cancelling;
        }
    }

    private static void CancelSoon(CancellationTokenSource source, int number)
    {
        Thread.SpinWait(number % 97 * 10);
        source.Cancel();
    }

    /// <summary>A flow in the test's own hands.</summary>
    private static async Task<(LwipDevice Device, PacketLink Link, TcpPeer Peer, LwipFlow Flow)> OpenAsync()
    {
        TaskCompletionSource<LwipFlow> accepted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        LwipDevice device = new(new FakeDialer(), new FakePacketProxy()) { FlowHandler = flow => _ = AcceptAsync(flow, accepted) };
        PacketLink link = new(device);
        TcpPeer peer = link.CreatePeer(s_server);
        peer.AllowRetransmissions = true;
        Assert.That(await peer.ConnectAsync(), Is.True);
        return (device, link, peer, await accepted.Task.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    private static async Task AcceptAsync(LwipFlow flow, TaskCompletionSource<LwipFlow> accepted)
    {
        await Task.Yield();
        flow.Accept();
        if (await flow.WaitOpenAsync(CancellationToken.None))
            accepted.SetResult(flow);
    }

    private static async Task EndAsync(LwipDevice device, PacketLink link)
    {
        await device.DisposeAsync();
        await link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That((device.IsReleased, device.GetStatistics().Asserts), Is.EqualTo((true, 0L)));
    }
}
