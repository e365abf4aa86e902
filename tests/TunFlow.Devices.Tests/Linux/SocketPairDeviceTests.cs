using TunFlow.Network;

namespace TunFlow.Devices.Tests;

/// <summary>The device over a socket pair: everything that does not need a kernel interface, and no rights.</summary>
[Platform("Linux")]
internal sealed class SocketPairDeviceTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private SocketPair _pair = null!;
    private LinuxTunDevice _device = null!;

    [SetUp]
    public void SetUp()
    {
        _pair = new SocketPair();
        _device = LinuxTunDevice.FromDescriptor(_pair.Device, ownsHandle: true, mtu: 1500);
    }

    [TearDown]
    public async Task TearDown()
    {
        await _device.DisposeAsync();
        _pair.Dispose();
    }

    [Test]
    public void It_has_no_offloads()
    {
        Assert.That(_device.SupportedOffloads, Is.EqualTo(PacketOffloads.None));
        Assert.That(_device.Name, Is.Empty);
    }

    [Test]
    public async Task A_read_waits_for_the_packet()
    {
        byte[] buffer = new byte[1500];
        ValueTask<int> read = _device.ReadAsync(buffer);
        Assert.That(read.IsCompleted, Is.False);
        _pair.Send([0x45, 1, 2, 3]);
        Assert.That(await read.AsTask().WaitAsync(Limit), Is.EqualTo(4));
        Assert.That(buffer[..4], Is.EqualTo(new byte[] { 0x45, 1, 2, 3 }));
    }

    [Test]
    public async Task Packets_keep_their_borders_and_order()
    {
        for (byte i = 1; i <= 100; i++)
            _pair.Send(Enumerable.Repeat(i, i).ToArray());
        byte[] buffer = new byte[1500];
        for (byte i = 1; i <= 100; i++)
        {
            Assert.That(await _device.ReadAsync(buffer), Is.EqualTo(i));
            Assert.That(buffer[..i], Is.All.EqualTo(i));
        }
    }

    [Test]
    public async Task A_batch_takes_what_is_there()
    {
        PacketBuffer[] packets = [.. Enumerable.Range(0, 8).Select(_ => new PacketBuffer(new byte[1500]))];
        Task<int> read = _device.ReadBatchAsync(packets).AsTask();
        Assert.That(read.IsCompleted, Is.False);
        _pair.Send([1]);
        Assert.That(await read.WaitAsync(Limit), Is.EqualTo(1));
        for (byte i = 0; i < 10; i++)
            _pair.Send([i, i]);
        Assert.That(await _device.ReadBatchAsync(packets).AsTask().WaitAsync(Limit), Is.EqualTo(8));
        Assert.That(packets.Select(p => (p.Length, p.Memory.Span[0])), Is.EqualTo(Enumerable.Range(0, 8).Select(i => (2, (byte)i))));
        Assert.That(await _device.ReadBatchAsync(packets).AsTask().WaitAsync(Limit), Is.EqualTo(2));
    }

    [Test]
    public void An_empty_batch_is_a_mistake() =>
        Assert.That(async () => await _device.ReadBatchAsync(Memory<PacketBuffer>.Empty), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public async Task A_batch_is_written_in_order()
    {
        await _device.WriteBatchAsync(new[] { new PacketBuffer(new byte[] { 1, 9 }, 2), new PacketBuffer(new byte[] { 2, 9 }, 1) });
        Assert.That(_pair.Receive(), Is.EqualTo(new byte[] { 1, 9 }));
        Assert.That(_pair.Receive(), Is.EqualTo(new byte[] { 2 }));
        Assert.That(_device.GetStatistics().BytesWritten, Is.EqualTo(3));
    }

    [Test]
    public async Task What_a_batch_cannot_write_is_dropped_and_counted()
    {
        await _device.WriteBatchAsync(new[]
        {
            new PacketBuffer(new byte[1501], 1501),
            new PacketBuffer(new byte[100], 100, new PacketOffload { Checksum = ChecksumState.Partial }),
            new PacketBuffer(new byte[100], 100, new PacketOffload { Gso = GsoType.Tcp4, GsoSize = 10 }),
            new PacketBuffer(new byte[] { 7 }, 1),
        });
        Assert.That(_pair.Receive(), Is.EqualTo(new byte[] { 7 }));
        Assert.That(_device.GetStatistics().WritesDroppedRejected, Is.EqualTo(3));
    }

    [Test]
    public async Task Ten_thousand_cancelled_reads_lose_nothing()
    {
        byte[] buffer = new byte[100];
        int received = 0;
        int sent = 0;
        for (int i = 0; i < 10_000; i++)
        {
            using var cancel = new CancellationTokenSource();
            ValueTask<int> read = _device.ReadAsync(buffer, cancel.Token);
            Task cancelling = i % 3 == 0 ? Task.Run(cancel.Cancel) : Task.CompletedTask;
            if (i % 2 == 0)
            {
                _pair.Send(BitConverter.GetBytes(sent++));
            }
            else if (i % 3 != 0)
            {
                await cancel.CancelAsync();
            }

            try
            {
                Assert.That(await read.AsTask().WaitAsync(Limit), Is.EqualTo(4));
                Assert.That(BitConverter.ToInt32(buffer), Is.EqualTo(received));
                received++;
            }
            catch (OperationCanceledException)
            {
                // The packet, if there was one, is still there for the next read.
            }

            await cancelling;
        }

        while (received < sent)
        {
            Assert.That(await _device.ReadAsync(buffer).AsTask().WaitAsync(Limit), Is.EqualTo(4));
            Assert.That(BitConverter.ToInt32(buffer), Is.EqualTo(received++));
        }
    }

    [Test]
    public void A_cancelled_token_reads_nothing()
    {
        _pair.Send([1]);
        Assert.That(async () => await _device.ReadAsync(new byte[10], new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await _device.WriteAsync(new byte[10], new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(_device.GetStatistics().PacketsRead, Is.Zero);
    }

    [Test]
    public async Task A_peer_that_closes_ends_reads_with_zero_and_writes_with_closed()
    {
        Task<int> read = _device.ReadAsync(new byte[100]).AsTask();
        _pair.Peer.Dispose();
        Assert.That(await read.WaitAsync(Limit), Is.Zero);
        Assert.That(await _device.ReadAsync(new byte[100]), Is.Zero);
        NetworkException exception = (await Assert.ThrowsAsync<NetworkException>(async () => await _device.WriteAsync(new byte[100])))!;
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
    }

    [Test]
    public async Task A_full_output_drops_and_counts()
    {
        for (int i = 0; i < 5_000; i++)
            await _device.WriteAsync(new byte[1500]);
        LinuxTunStatistics statistics = _device.GetStatistics();
        Assert.That(statistics.WritesDroppedNoRoom, Is.Positive);
        Assert.That(statistics.WritesDroppedNoRoom + statistics.PacketsWritten, Is.EqualTo(5_000));
    }

    [Test]
    public async Task Disposal_at_any_moment_ends_the_read()
    {
        for (int i = 0; i < 300; i++)
        {
            using var pair = new SocketPair();
            LinuxTunDevice device = LinuxTunDevice.FromDescriptor(pair.Device, ownsHandle: true, mtu: 1500);
            Task<int> read = Task.Run(() => device.ReadAsync(new byte[100]).AsTask());
            Task dispose = Task.Run(() => device.DisposeAsync().AsTask());
            if (i % 2 == 0)
                pair.Send([1]);
            await dispose.WaitAsync(Limit);
            Assert.That(await read.WaitAsync(Limit), Is.LessThanOrEqualTo(1));
            Assert.That(await device.ReadAsync(new byte[100]), Is.Zero);
            Assert.That(pair.Device.IsClosed, Is.True);
        }
    }

    [Test]
    public async Task A_descriptor_that_is_not_owned_stays_open()
    {
        using var pair = new SocketPair();
        LinuxTunDevice device = LinuxTunDevice.FromDescriptor(pair.Device, ownsHandle: false, mtu: 1500);
        await device.DisposeAsync();
        Assert.That(pair.Device.IsClosed, Is.False);
    }

    [Test]
    public async Task A_claimed_reader_keeps_others_out()
    {
        _ = _device.ClaimReader();
        Assert.That(async () => await _device.ReadAsync(new byte[10]), Throws.InvalidOperationException);
        Assert.That(_device.ClaimReader, Throws.InvalidOperationException);
        _device.ReleaseReader();
        _pair.Send([1]);
        Assert.That(await _device.ReadAsync(new byte[10]), Is.EqualTo(1));
    }

    [TestCase(67)]
    [TestCase(65_536)]
    public void Impossible_MTUs_are_refused_and_an_owned_handle_closed(int mtu)
    {
        using var pair = new SocketPair();
        Assert.That(() => LinuxTunDevice.FromDescriptor(pair.Device, true, mtu), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(pair.Device.IsClosed, Is.True);
    }

    [Test]
    public void Disposed_many_times_it_leaves_no_descriptors_and_threads()
    {
        int before = Directory.GetFiles("/proc/self/fd").Length;
        for (int i = 0; i < 200; i++)
        {
            using var pair = new SocketPair();
            LinuxTunDevice device = LinuxTunDevice.FromDescriptor(pair.Device, ownsHandle: true, mtu: 1500);
            ValueTask<int> read = device.ReadAsync(new byte[10]);
            device.DisposeAsync().AsTask().Wait(Limit);
            Assert.That(read.AsTask().Wait(Limit), Is.True);
        }

        Assert.That(Directory.GetFiles("/proc/self/fd").Length, Is.LessThan(before + 20));
    }
}
