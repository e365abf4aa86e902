using System.Net;
using TunFlow.Interop;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <content>Limits: the packet that exceeds one is the first to be counted.</content>
internal sealed partial class DropReasonTests
{
    [Test, Weakness(31), Shows(PacketDropReason.FlowLimit)]
    public async Task A_SYN_above_the_cap_of_flows_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions { MaxFlows = 1, MaxPendingDials = 1, MaxPendingDialsPerSource = 1 });
        await bench.ConnectAsync();

        await bench.MovesAsync(PacketDropReason.FlowLimit, () => bench.WriteAsync(Syn()));
    }

    [Test, Weakness(31), Shows(PacketDropReason.PendingLimit)]
    public async Task A_SYN_above_the_cap_of_dials_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions { MaxPendingDialsPerSource = 1 });
        bench.Dialer.OnDial = static (_, _) => new ValueTask<StreamConnection>(new TaskCompletionSource<StreamConnection>().Task);
        bench.Link.CreatePeer(s_server).SendSyn();

        await bench.MovesAsync(PacketDropReason.PendingLimit, () => bench.WriteAsync(Syn()));
    }

    [Test, Weakness(31), Shows(PacketDropReason.HalfOpenLimit)]
    public async Task A_handshake_that_makes_room_moves_one_counter()
    {
        const int most = 1024;
        await using Bench bench = new(new LwipDeviceOptions { AcceptMode = AcceptMode.AcceptFirst });
        for (int i = 0; i < most; i++)
        {
            await bench.WriteAsync(SynFrom(i));
            if (i % 128 != 127)
                continue;
            await Eventually.HoldsAsync(() => bench.Device.GetStatistics().FlowsHalfOpen == i + 1, "the answers");
            // New sources are answered at a rate.
            bench.Time.Advance(TimeSpan.FromSeconds(0.5));
        }

        await bench.MovesAsync(PacketDropReason.HalfOpenLimit, () => bench.WriteAsync(SynFrom(most)), waits: true);
        Assert.That(bench.Device.GetStatistics().FlowsHalfOpen, Is.EqualTo(most));

        static byte[] SynFrom(int i) => PacketBuilder.TcpSegment(new IPEndPoint(new IPAddress([10, 8, (byte)(i >> 8), (byte)i]), 2000), s_server, 1, 0, TcpFlags.Syn, 1000);
    }

    [Test, Weakness(31), Shows(PacketDropReason.FlowBytes)]
    public async Task Bytes_behind_a_gap_above_a_flows_memory_move_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions());
        TcpPeer peer = await bench.ConnectAsync();
        const int length = 1030;

        // As a TUN's thread hands packets over: each pins the block that it lies in, here four times its size.
        await bench.MovesAsync(PacketDropReason.FlowBytes, () =>
        {
            for (int i = 0; i < 510 && bench.Device.GetStatistics().Drops.Total == 0; i++)
                InputInBlock(bench.Device, PacketBuilder.TcpSegment(peer.Local, peer.Remote, (uint)(peer.InitialSequence + 1 + (length * (i + 1))), peer.NextExpected, TcpFlags.Ack, 1000, payload: new byte[length]));
            return Task.CompletedTask;
        });
    }

    private static unsafe void InputInBlock(LwipDevice device, byte[] packet)
    {
        const int capacity = 4096;
        byte* block = device.AllocateBlock(capacity);
        Assert.That(block != null, Is.True);
        packet.CopyTo(new Span<byte>(block, capacity));
        TfPacket native = new() { Data = block, Block = block, Length = (uint)packet.Length };
        Assert.That(device.Input(&native, 1), Is.True);
        NativeMethods.tf_block_free(block);
    }

    [Test, Weakness(31), Shows(PacketDropReason.Memory)]
    public async Task A_packet_above_the_native_memory_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions { MaxNativeBytes = 4 * 1024 * 1024, SessionQueueLength = 65_536 });
        TaskCompletionSource opening = new(TaskCreationOptions.RunContinuationsAsynchronously);
        bench.Proxy.OnOpen = (_, _) => new ValueTask(opening.Task);
        byte[] packet = PacketBuilder.UdpDatagram(s_app, s_server, new byte[1400]);

        await bench.MovesAsync(PacketDropReason.Memory, async () =>
        {
            for (int i = 0; i < 10_000 && bench.Device.GetStatistics().Drops.Total == 0; i++)
                await bench.WriteAsync(packet);
        });
        Assert.That(bench.Device.GetStatistics().NativeBytesPeak, Is.LessThanOrEqualTo(4 * 1024 * 1024));
        opening.SetResult();
    }

    [Test, Weakness(31), Shows(PacketDropReason.IcmpLimit)]
    public async Task A_refusal_above_the_rate_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions { IcmpPerSecond = 1 });
        bench.Proxy.OnDatagram = static (_, _, _) => throw new NetworkException(NetworkError.PortUnreachable);
        await bench.WriteAsync(PacketBuilder.UdpDatagram(s_app, s_server, [1]));
        Assert.That((await bench.Link.NextAsync()).IsUnreachable, Is.True);

        await bench.MovesAsync(PacketDropReason.IcmpLimit, () => bench.WriteAsync(PacketBuilder.UdpDatagram(s_app, s_server, [2])), waits: true);
    }

    [Test, Weakness(31), Shows(PacketDropReason.OutputFull)]
    public async Task An_answer_above_the_output_queue_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions { OutputQueueBytes = 128 * 1024 }, reads: false);
        bench.Proxy.OnDatagram = static (_, _, _) => ValueTask.CompletedTask;
        await bench.WriteAsync(PacketBuilder.UdpDatagram(s_app, s_server, [1]));
        await Eventually.HoldsAsync(() => !bench.Proxy.Sessions.IsEmpty, "the session");
        IPacketResponseReceiver receiver = bench.Proxy.Sessions.Single().Receiver;
        int taken = 0;

        await bench.MovesAsync(PacketDropReason.OutputFull, () =>
        {
            NetworkException? refusal = null;
            for (; refusal is null && taken < 1000; taken++)
                refusal = receiver.WriteFromAsync(new byte[1000], s_server).AsTask().Exception?.InnerException as NetworkException;
            Assert.That(refusal?.Error, Is.EqualTo(NetworkError.ResourceExhausted));
            return Task.CompletedTask;
        });
        // Queue depth: what was taken waits, and nothing more.
        LwipStatistics statistics = bench.Device.GetStatistics();
        Assert.That((statistics.OutputQueue, statistics.DatagramsDown, statistics.PacketsOut), Is.EqualTo((taken - 1, (long)taken - 1, 0L)));
    }

    [Test, Weakness(31), Shows(PacketDropReason.ClosedFlow)]
    public async Task Data_for_a_side_that_was_given_up_moves_one_counter()
    {
        await using Bench bench = new(new LwipDeviceOptions());
        LwipFlow? flow = null;
        bench.Device.FlowHandler = arrived => ThreadPool.QueueUserWorkItem(_ =>
        {
            flow = arrived;
            arrived.Accept();
        });
        TcpPeer peer = bench.Link.CreatePeer(s_server);
        Assert.That(await peer.ConnectAsync(), Is.True);
        flow!.AbortReads();

        await bench.MovesAsync(PacketDropReason.ClosedFlow, () => peer.SendAsync(new byte[100]));
        await flow.DisposeAsync();
    }

    /// <summary>A device with fakes behind it and, unless its output is to pile up, a link in front of it.</summary>
    private sealed class Bench : IAsyncDisposable
    {
        private readonly PacketLink? _link;

        public Bench(LwipDeviceOptions options, bool reads = true)
        {
            NativeLibraryRequirement.Check();
            Device = new LwipDevice(Dialer, Proxy, options with { TimeProvider = Time });
            if (reads)
                _link = new PacketLink(Device);
        }

        public ManualTimeProvider Time { get; } = new();

        public FakeDialer Dialer { get; } = new();

        public FakePacketProxy Proxy { get; } = new();

        public LwipDevice Device { get; }

        public PacketLink Link => _link!;

        public Task WriteAsync(byte[] packet) => Device.WriteAsync(packet).AsTask();

        public async Task<TcpPeer> ConnectAsync()
        {
            TcpPeer peer = Link.CreatePeer(s_server);
            Assert.That(await peer.ConnectAsync(), Is.True);
            await Eventually.HoldsAsync(() => Device.GetStatistics().FlowsOpened == 1, "the handshake");
            return peer;
        }

        public async Task MovesAsync(PacketDropReason reason, Func<Task> act, bool waits = false)
        {
            PacketDropCounters before = Device.GetStatistics().Drops;
            await act();
            if (waits)
                await Eventually.HoldsAsync(() => Device.GetStatistics().Drops[reason] > before[reason], reason.ToString());
            PacketDropCounters after = Device.GetStatistics().Drops;
            Assert.That(
                after.Where(entry => entry.Value != before[entry.Key]).Select(entry => (entry.Key, entry.Value - before[entry.Key])),
                Is.EqualTo(new[] { (reason, 1L) }));
        }

        public async ValueTask DisposeAsync()
        {
            await Device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
            if (_link is not null)
                await _link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
            Assert.That(Device.GetStatistics().Asserts, Is.Zero);
        }
    }
}
