namespace TunFlow.Network.Tests;

internal sealed class MemoryDeviceTests
{
    [Test]
    public async Task WhatDoesNotFitIsDroppedAndCounted()
    {
        (MemoryDevice first, MemoryDevice second) = MemoryDevice.CreatePair(new MemoryDeviceOptions { Capacity = 3 });
        await using (first)
        await using (second)
        {
            for (byte i = 1; i <= 5; i++)
            {
                await first.WriteAsync(new[] { i });
            }

            Assert.That(first.DroppedPackets, Is.EqualTo(2));
            byte[] buffer = new byte[10];
            for (byte i = 1; i <= 3; i++)
            {
                Assert.That(await second.ReadAsync(buffer), Is.EqualTo(1));
                Assert.That(buffer[0], Is.EqualTo(i));
            }
        }
    }

    [Test]
    public async Task BatchesKeepOrderLengthsAndOffloads()
    {
        (MemoryDevice first, MemoryDevice second) = MemoryDevice.CreatePair(new MemoryDeviceOptions { SupportedOffloads = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation });
        await using (first)
        await using (second)
        {
            PacketOffload super = new() { Checksum = ChecksumState.Partial, Gso = GsoType.Tcp4, GsoSize = 1460, HeaderLength = 40, ChecksumStart = 20, ChecksumOffset = 16 };
            PacketBuffer[] written = [new(new byte[60_000], 50_000, super), new(new byte[100], 100), new(new byte[2000], 1501), new(new byte[100], 50, new PacketOffload { Gso = GsoType.Udp })];
            await first.WriteBatchAsync(written);
            Assert.That(first.RejectedPackets, Is.EqualTo(2), "one larger than the MTU, one with an offload that isn't supported");
            PacketBuffer[] read = [new(new byte[65_535]), new(new byte[65_535]), new(new byte[65_535])];
            Assert.That(await second.ReadBatchAsync(read), Is.EqualTo(2));
            Assert.That((read[0].Length, read[0].Offload), Is.EqualTo((50_000, super)));
            Assert.That((read[1].Length, read[1].Offload), Is.EqualTo((100, default(PacketOffload))));
        }
    }

    [Test]
    public async Task APlainReadSkipsPacketsThatWouldNeedTheirOffload()
    {
        (MemoryDevice first, MemoryDevice second) = MemoryDevice.CreatePair(new MemoryDeviceOptions { SupportedOffloads = PacketOffloads.Checksum });
        await first.WriteBatchAsync(new PacketBuffer[]
        {
            new(new byte[100], 100, new PacketOffload { Checksum = ChecksumState.Partial }),
            new(new byte[100], 99, new PacketOffload { Checksum = ChecksumState.Valid }),
        });
        Assert.That(await second.ReadAsync(new byte[200]), Is.EqualTo(99));
        Assert.That(first.DroppedPackets, Is.EqualTo(1));
        await first.DisposeAsync();
        await second.DisposeAsync();
    }

    [Test]
    public async Task WhenOneEndClosesTheOtherDrainsAndThenEnds()
    {
        (MemoryDevice first, MemoryDevice second) = MemoryDevice.CreatePair();
        await first.WriteAsync(new byte[7]);
        await first.DisposeAsync();
        byte[] buffer = new byte[10];
        Assert.That(await second.ReadAsync(buffer), Is.EqualTo(7));
        Assert.That(await second.ReadAsync(buffer), Is.Zero);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await second.WriteAsync(new byte[7]));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
        await second.DisposeAsync();
    }

    [TestCase(67)]
    [TestCase(65_536)]
    public void AnImpossibleMtuIsRejected(int mtu) =>
        Assert.That(() => new MemoryDeviceOptions { Mtu = mtu }, Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public async Task ManyWritersAndOneReaderLoseNothingThatWasTaken()
    {
        (MemoryDevice first, MemoryDevice second) = MemoryDevice.CreatePair(new MemoryDeviceOptions { Capacity = 64 });
        Task<long> reading = Task.Run(async () =>
        {
            byte[] buffer = new byte[10];
            long count = 0;
            while (await second.ReadAsync(buffer) > 0)
            {
                count++;
            }

            return count;
        });
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 50_000; i++)
            {
                await first.WriteAsync(new byte[4]);
            }
        })));
        await first.DisposeAsync();
        Assert.That(await reading.WaitAsync(TimeSpan.FromSeconds(20)) + first.DroppedPackets, Is.EqualTo(200_000));
        await second.DisposeAsync();
    }
}
