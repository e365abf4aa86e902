using System.Diagnostics;
using System.Net;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Testing;

/// <summary>The contract of <see cref="IIPDevice"/> and <see cref="IBatchIPDevice"/> as tests, sentence by sentence. Derive a fixture per implementation.</summary>
public abstract partial class IPDeviceConformance
{
    /// <summary>How long a single step may take before the test fails instead of hanging.</summary>
    protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>A packet that every device takes and that leaves room for something to recognize it by.</summary>
    private const int SmallPacket = 60;

    /// <summary>The device under test.</summary>
    protected IIPDevice Subject { get; private set; } = null!;

    /// <summary>Packets written to the device that it dropped and counted, for whatever reason.</summary>
    protected abstract long Dropped { get; }

    /// <summary>Whether something beside its owner can close the device: then <see cref="CloseByOtherAsync"/> does.</summary>
    protected virtual bool CanBeClosedByOther => true;

    /// <summary>Whether a device that hands packets on later learns only then that it was closed. Reads and later writes show it all the same.</summary>
    protected virtual bool LearnsLaterThatItIsClosed => false;

    private IBatchIPDevice Batch => (IBatchIPDevice)Subject;

    /// <summary>Makes a device.</summary>
    protected abstract Task<IIPDevice> CreateAsync();

    /// <summary>Disposes what <see cref="CreateAsync"/> made beside the device. The device is disposed already.</summary>
    protected abstract Task CleanUpAsync();

    /// <summary>Makes the device have exactly one more packet to read, at least 20 bytes long, whose last byte is <paramref name="mark"/>.</summary>
    /// <param name="mark">Tells packets apart.</param>
    /// <returns>The whole packet as it will be read, or null if that isn't known in advance.</returns>
    protected abstract Task<byte[]?> ProvokePacketAsync(byte mark);

    /// <summary>Makes a UDP packet that the device takes, its payload filled with one byte.</summary>
    /// <param name="length">The size in bytes, headers included.</param>
    /// <param name="mark">The byte.</param>
    protected virtual byte[] MakePacket(int length, byte mark = 0x5A)
    {
        byte[] payload = new byte[length - 28];
        payload.AsSpan().Fill(mark);
        return PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:6000"), IPEndPoint.Parse("192.0.2.1:7"), payload);
    }

    /// <summary>Waits for the next packet that was written to the device to come out on its other side.</summary>
    /// <returns>Its end: the payload at least.</returns>
    protected abstract Task<byte[]> TakeWrittenAsync();

    /// <summary>How many of the written packets came out on the other side so far, or wait there; what was taken counts, too.</summary>
    protected abstract long CountDelivered();

    /// <summary>Closes the device behind its owner's back.</summary>
    protected virtual Task CloseByOtherAsync() => throw new NotSupportedException();

    /// <summary>Creates the device.</summary>
    [SetUp]
    public async Task SetUpDeviceAsync() => Subject = await CreateAsync().ConfigureAwait(false);

    /// <summary>Disposes the device.</summary>
    [TearDown]
    public async Task TearDownDeviceAsync()
    {
        if (Subject is not null)
        {
            await Subject.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        }

        await CleanUpAsync().ConfigureAwait(false);
    }

    /// <summary>Waits for something that another thread is about to do.</summary>
    protected static async Task EventuallyAsync(Func<bool> condition, Func<string> what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Limit)
            {
                Assert.Fail("It never happened: " + what());
            }

            await Task.Delay(2).ConfigureAwait(false);
        }
    }

    private async Task<int> ReadAsync(Memory<byte> buffer) => await Subject.ReadAsync(buffer).AsTask().WaitAsync(Limit).ConfigureAwait(false);

    private async Task<byte[]> ReadPacketAsync()
    {
        byte[] buffer = new byte[PacketBuffer.MaxPacketLength];
        int length = await ReadAsync(buffer).ConfigureAwait(false);
        return buffer[..length];
    }

    private async Task<int> ReadBatchAsync(Memory<PacketBuffer> packets) => await Batch.ReadBatchAsync(packets).AsTask().WaitAsync(Limit).ConfigureAwait(false);

    private async Task WriteAsync(ReadOnlyMemory<byte> packet) => await Subject.WriteAsync(packet).AsTask().WaitAsync(Limit).ConfigureAwait(false);

    private async Task WriteBatchAsync(params PacketBuffer[] packets) => await Batch.WriteBatchAsync(packets).AsTask().WaitAsync(Limit).ConfigureAwait(false);

    private async Task ExpectWrittenAsync(byte[] packet)
    {
        byte[] end = await TakeWrittenAsync().WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(end, Has.Length.InRange(packet.Length - 48, packet.Length));
        Assert.That(end, Is.EqualTo(packet[^end.Length..]));
    }

    private static PacketBuffer[] MakeBuffers(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => new PacketBuffer(new byte[PacketBuffer.MaxPacketLength]))];

    private static PacketBuffer Whole(byte[] packet) => new(packet, packet.Length);
}
