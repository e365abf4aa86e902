using Moq;

namespace TunFlow.Network.Tests;

internal sealed class PacketPumpTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [TestCase(true)]
    [TestCase(false)]
    public async Task PacketsPassBothWays(bool batches)
    {
        (MemoryDevice near, MemoryDevice first) = MemoryDevice.CreatePair();
        (MemoryDevice second, MemoryDevice far) = MemoryDevice.CreatePair();
        await using PacketPump pump = PacketPump.Start(batches ? first : new PlainDevice(first), second);
        byte[] buffer = new byte[100];
        for (byte i = 1; i <= 100; i++)
        {
            await near.WriteAsync(new[] { i, i });
            Assert.That(await far.ReadAsync(buffer).AsTask().WaitAsync(s_limit), Is.EqualTo(2));
            Assert.That(buffer[0], Is.EqualTo(i));
            await far.WriteAsync(new[] { i });
            Assert.That(await near.ReadAsync(buffer).AsTask().WaitAsync(s_limit), Is.EqualTo(1));
        }

        await Eventually.IsAsync(() => pump.Back.Packets == 100, "all is counted");
        Assert.That((pump.Forth.Packets, pump.Forth.Bytes, pump.Back.Bytes), Is.EqualTo((100L, 200L, 100L)));
        await near.DisposeAsync();
        await pump.Completion.WaitAsync(s_limit);
        await far.DisposeAsync();
    }

    [Test]
    public async Task SuperPacketsPassWithTheirOffload()
    {
        MemoryDeviceOptions options = new() { SupportedOffloads = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation };
        (MemoryDevice near, MemoryDevice first) = MemoryDevice.CreatePair(options);
        (MemoryDevice second, MemoryDevice far) = MemoryDevice.CreatePair(options);
        await using PacketPump pump = PacketPump.StartOneWay(first, second);
        PacketOffload offload = new() { Checksum = ChecksumState.Partial, Gso = GsoType.Tcp6, GsoSize = 1440 };
        await near.WriteBatchAsync(new PacketBuffer[] { new(new byte[65_535], 65_535, offload) });
        PacketBuffer[] read = [new(new byte[65_535])];
        Assert.That(await far.ReadBatchAsync(read).AsTask().WaitAsync(s_limit), Is.EqualTo(1));
        Assert.That((read[0].Length, read[0].Offload), Is.EqualTo((65_535, offload)));
        await near.DisposeAsync();
        await far.DisposeAsync();
    }

    [Test]
    public async Task AFailingReadFaultsTheCompletionAndStopsTheOtherDirection()
    {
        Mock<IIPDevice> broken = new();
        broken.Setup(device => device.ReadAsync(It.IsAny<Memory<byte>>(), It.IsAny<CancellationToken>())).Throws(new NetworkException(NetworkError.Unknown, "EIO", 5));
        (MemoryDevice first, MemoryDevice second) = MemoryDevice.CreatePair();
        await using PacketPump pump = PacketPump.Start(broken.Object, first);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => pump.Completion.WaitAsync(s_limit));
        Assert.That(exception.HResult, Is.EqualTo(5));
        await first.DisposeAsync();
        await second.DisposeAsync();
    }

    [Test]
    public async Task FailingWritesAreCountedAndSurvived()
    {
        Mock<IIPDevice> destination = new();
        int calls = 0;
        destination.Setup(device => device.WriteAsync(It.IsAny<ReadOnlyMemory<byte>>(), It.IsAny<CancellationToken>())).Returns(() =>
            ++calls % 2 == 0 ? ValueTask.CompletedTask : ValueTask.FromException(new NetworkException(NetworkError.Unknown, "EIO", 5)));
        (MemoryDevice near, MemoryDevice source) = MemoryDevice.CreatePair();
        await using PacketPump pump = PacketPump.StartOneWay(source, destination.Object);
        for (int i = 0; i < 10; i++)
        {
            await near.WriteAsync(new byte[20]);
        }

        await near.DisposeAsync();
        await pump.Completion.WaitAsync(s_limit);
        Assert.That((pump.Forth.DroppedByWriteError, pump.Forth.Packets), Is.EqualTo((5L, 5L)));
        await source.DisposeAsync();
    }

    [Test]
    public async Task DisposingStopsWithoutTouchingTheDevices()
    {
        (MemoryDevice near, MemoryDevice first) = MemoryDevice.CreatePair();
        (MemoryDevice second, MemoryDevice far) = MemoryDevice.CreatePair();
        PacketPump pump = PacketPump.Start(first, second);
        await pump.DisposeAsync().AsTask().WaitAsync(s_limit);
        await pump.DisposeAsync().AsTask().WaitAsync(s_limit);
        Assert.That(pump.Completion.IsCompletedSuccessfully, Is.True);
        await near.WriteAsync(new byte[3]);
        Assert.That(await first.ReadAsync(new byte[10]), Is.EqualTo(3));
        foreach (MemoryDevice device in new[] { near, first, second, far })
        {
            await device.DisposeAsync();
        }
    }

    /// <summary>Hides the batch form.</summary>
    private sealed class PlainDevice(IIPDevice inner) : IIPDevice
    {
        public int Mtu => inner.Mtu;

        public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

        public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default) => inner.WriteAsync(packet, cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
