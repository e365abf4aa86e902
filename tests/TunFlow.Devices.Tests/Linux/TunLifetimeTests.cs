using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.Devices.Linux;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

/// <summary>What happens to a device when its interface goes down, away, or elsewhere.</summary>
internal sealed class TunLifetimeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly IPAddress Inside = IPAddress.Parse("10.8.0.1");
    private static readonly IPEndPoint Outside = new(IPAddress.Parse("10.8.0.2"), 4000);

    private TestNamespace _namespace = null!;
    private LinuxTunDevice _device = null!;

    [SetUp]
    public void SetUp()
    {
        TestNamespace.Require();
        _namespace = TestNamespace.Create();
        _device = _namespace.Run(() =>
        {
            LinuxTunDevice device = LinuxTunDevice.Create(new LinuxTunOptions { Name = "roam" });
            File.WriteAllText("/proc/sys/net/ipv6/conf/roam/disable_ipv6", "1");
            device.AddAddress(Inside, 24);
            device.BringUp();
            return device;
        });
    }

    [TearDown]
    public async Task TearDown()
    {
        if (_device is not null)
            await _device.DisposeAsync();
        _namespace?.Dispose();
    }

    [Test]
    public async Task A_write_while_the_interface_is_down_is_dropped_and_counted()
    {
        _namespace.Run(_device.BringDown);
        await _device.WriteAsync(Packet());
        await _device.WriteBatchAsync(new[] { new PacketBuffer(Packet(), Packet().Length) });
        Assert.That(_device.GetStatistics().WritesDroppedInterfaceDown, Is.EqualTo(2));
        _namespace.Run(_device.BringUp);
        await _device.WriteAsync(Packet());
        Assert.That(_device.GetStatistics().PacketsWritten, Is.EqualTo(1));
    }

    [Test]
    public async Task A_move_to_another_namespace_is_survived_by_reader_and_writers()
    {
        using TestNamespace target = TestNamespace.Create();
        byte[] buffer = new byte[1500];
        Task<int> read = _device.ReadAsync(buffer).AsTask();
        using var stop = new CancellationTokenSource();
        Task writing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await _device.WriteAsync(Packet());
                await Task.Delay(1, CancellationToken.None);
            }
        });
        _namespace.Execute("ip", $"link set roam netns {target.ThreadId}");
        await WaitForAsync(() => _device.GetStatistics().WritesDroppedInterfaceDown > 0);
        target.Execute("sh", "-c \"echo 1 > /proc/sys/net/ipv6/conf/roam/disable_ipv6; ip addr add 10.8.0.1/24 dev roam; ip link set roam up\"");
        long written = _device.GetStatistics().PacketsWritten;
        await WaitForAsync(() => _device.GetStatistics().PacketsWritten > written);
        await stop.CancelAsync();
        await writing.WaitAsync(Limit);

        // The reader that waited before the move gets what is sent after it.
        using Socket socket = target.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        await socket.SendToAsync(new byte[] { 42 }, Outside);
        int length = await read.WaitAsync(Limit);
        while (buffer[9] != Packets.Udp)
            length = await _device.ReadAsync(buffer).AsTask().WaitAsync(Limit);
        Assert.That(buffer[length - 1], Is.EqualTo(42));
        Assert.That(_device.BringUp, Throws.TypeOf<NetworkException>());
    }

    [Test]
    public async Task A_deleted_interface_closes_the_device_at_once()
    {
        Task<int> read = _device.ReadAsync(new byte[1500]).AsTask();
        _namespace.Execute("ip", "link del roam");
        var watch = Stopwatch.StartNew();
        Assert.That(await read.WaitAsync(Limit), Is.Zero);
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(1)));
        Assert.That(await _device.ReadAsync(new byte[1500]), Is.Zero);
        Assert.That(await _device.ReadBatchAsync(new[] { new PacketBuffer(new byte[1500]) }), Is.Zero);
        NetworkException exception = (await Assert.ThrowsAsync<NetworkException>(async () => await _device.WriteAsync(Packet())))!;
        Assert.That((exception.Error, exception.HResult), Is.EqualTo((NetworkError.Closed, Errno.BadDescriptorState)));
        Assert.That(exception.Message, Does.Contain("roam"));
    }

    [Test]
    public async Task Packets_that_are_no_IP_are_refused_by_the_kernel_and_counted()
    {
        await _device.WriteAsync(new byte[] { 0xFF, 0, 0, 0 });
        await _device.WriteAsync(Array.Empty<byte>());
        Assert.That(_device.GetStatistics().WritesDroppedRejected, Is.EqualTo(2));
        await _device.WriteAsync(Packet());
        Assert.That(_device.GetStatistics().PacketsWritten, Is.EqualTo(1));
    }

    [Test]
    public unsafe void A_packet_in_pieces_is_written_with_the_header_in_its_headroom()
    {
        TunDescriptor descriptor = _device.Descriptor;
        using Socket receiver = _namespace.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(Inside, 9));
            return socket;
        });
        byte[] packet = Packets.MakeUdp(Outside, new IPEndPoint(Inside, 9), [1, 2, 3, 4, 5]);
        byte[] memory = [.. new byte[TunDescriptor.Headroom], .. packet];
        fixed (byte* start = memory)
        {
            byte* data = start + TunDescriptor.Headroom;
            Span<IoVector> slices = [new(data, 28), new(data + 28, 2), new(data + 30, 3)];
            Assert.That(descriptor.TryWrite(slices, packet.Length, default), Is.EqualTo(TunWriteStatus.Written));
            Assert.That(slices[0].Data == data && slices[0].Length == 28, Is.True, "the caller's slices are as before");
        }

        receiver.ReceiveTimeout = (int)Limit.TotalMilliseconds;
        byte[] payload = new byte[10];
        Assert.That(receiver.Receive(payload), Is.EqualTo(5));
        Assert.That(payload[..5], Is.EqualTo(new byte[] { 1, 2, 3, 4, 5 }));
    }

    [Test]
    public async Task Reading_and_writing_allocate_nothing_in_steady_state()
    {
        using Socket socket = _namespace.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        byte[] buffer = new byte[1500];
        byte[] packet = Packet();
        long allocated = 0;
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 200; i++)
                await socket.SendToAsync(new byte[] { 1 }, Outside);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 200; i++)
            {
                ValueTask<int> read = _device.ReadAsync(buffer);
                if (!read.IsCompletedSuccessfully || read.Result == 0)
                    throw new InvalidOperationException("The packets wait already, so no read has to.");
                ValueTask write = _device.WriteAsync(packet);
                if (!write.IsCompletedSuccessfully)
                    throw new InvalidOperationException("Writes never wait.");
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.That(allocated, Is.Zero);
    }

    private static byte[] Packet() => Packets.MakeUdp(Outside, new IPEndPoint(Inside, 9), [1]);

    private static async Task WaitForAsync(Func<bool> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.That(watch.Elapsed, Is.LessThan(Limit));
            await Task.Delay(5);
        }
    }
}
