using TunFlow.Network;

namespace TunFlow.Testing;

/// <summary>The contract of <see cref="IIPDevice"/> as tests. Derive a fixture per implementation.</summary>
public abstract class IPDeviceConformance
{
    /// <summary>How long a single step may take before the test fails instead of hanging.</summary>
    protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>The device under test.</summary>
    protected IIPDevice Subject { get; private set; } = null!;

    /// <summary>Makes a device.</summary>
    protected abstract Task<IIPDevice> CreateAsync();

    /// <summary>Disposes what <see cref="CreateAsync"/> made beside the device. The device is disposed already.</summary>
    protected abstract Task CleanUpAsync();

    /// <summary>Makes the device have exactly one more packet to read.</summary>
    /// <param name="payload">Tells packets apart; any part of the packet may depend on it.</param>
    /// <returns>The whole packet as it will be read, or null if that isn't known in advance.</returns>
    protected abstract Task<byte[]?> ProvokePacketAsync(byte payload);

    /// <summary>Makes a packet of the given size that the device takes.</summary>
    /// <param name="length">The size in bytes, headers included.</param>
    protected abstract byte[] MakePacket(int length);

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

    [Test]
    public async Task APacketIsReadWhole()
    {
        byte[]? expected = await ProvokePacketAsync(1).ConfigureAwait(false);
        byte[] buffer = new byte[PacketBuffer.MaxPacketLength];
        int length = await ReadAsync(buffer).ConfigureAwait(false);
        Assert.That(length, Is.InRange(20, Subject.Mtu));
        if (expected is not null)
        {
            Assert.That(buffer.AsSpan(0, length).ToArray(), Is.EqualTo(expected));
        }
    }

    [Test]
    public async Task AShortBufferTakesTheStartAndDropsTheRest()
    {
        byte[]? first = await ProvokePacketAsync(2).ConfigureAwait(false);
        byte[]? second = await ProvokePacketAsync(3).ConfigureAwait(false);
        byte[] small = new byte[13];
        Assert.That(await ReadAsync(small).ConfigureAwait(false), Is.EqualTo(13));
        byte[] buffer = new byte[PacketBuffer.MaxPacketLength];
        int length = await ReadAsync(buffer).ConfigureAwait(false);
        if (first is not null && second is not null)
        {
            Assert.That(small, Is.EqualTo(first[..13]));
            Assert.That(buffer.AsSpan(0, length).ToArray(), Is.EqualTo(second));
        }
    }

    [Test]
    public async Task AnOverlappingReadThrowsAndTheFirstOneGoesOn()
    {
        Task<int> read = Subject.ReadAsync(new byte[PacketBuffer.MaxPacketLength]).AsTask();
        Assert.That(async () => await Subject.ReadAsync(new byte[100]).ConfigureAwait(false), Throws.TypeOf<InvalidOperationException>());
        await ProvokePacketAsync(4).ConfigureAwait(false);
        Assert.That(await read.WaitAsync(Limit).ConfigureAwait(false), Is.Positive);
    }

    [Test]
    public async Task ACancelledReadLosesNoPacket()
    {
        using CancellationTokenSource cancel = new();
        Task<int> read = Subject.ReadAsync(new byte[100], cancel.Token).AsTask();
        await cancel.CancelAsync().ConfigureAwait(false);
        Assert.That(async () => await read.WaitAsync(Limit).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        await ProvokePacketAsync(5).ConfigureAwait(false);
        Assert.That(await ReadAsync(new byte[PacketBuffer.MaxPacketLength]).ConfigureAwait(false), Is.Positive);
    }

    [Test]
    public async Task APacketOfTheMtuIsTakenAndOneByteMoreIsTooLarge()
    {
        await Subject.WriteAsync(MakePacket(Subject.Mtu)).AsTask().WaitAsync(Limit).ConfigureAwait(false);
        byte[] tooLarge = new byte[Subject.Mtu + 1];
        MakePacket(Subject.Mtu).CopyTo(tooLarge, 0);
        NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(async () => await Subject.WriteAsync(tooLarge).ConfigureAwait(false)).ConfigureAwait(false);
        Assert.That(exception!.Error, Is.EqualTo(NetworkError.MessageTooLarge));
    }

    [Test]
    public async Task WritingNeverWaitsForAReader()
    {
        byte[] packet = MakePacket(Subject.Mtu);
        await Task.Run(async () =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                await Subject.WriteAsync(packet).ConfigureAwait(false);
            }
        }).WaitAsync(Limit).ConfigureAwait(false);
    }

    [Test]
    public async Task ReadsReturnZeroOnceClosed()
    {
        Task<int> read = Subject.ReadAsync(new byte[100]).AsTask();
        await Subject.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(await read.WaitAsync(Limit).ConfigureAwait(false), Is.Zero);
        for (int i = 0; i < 3; i++)
        {
            Assert.That(await ReadAsync(new byte[100]).ConfigureAwait(false), Is.Zero);
        }
    }

    [Test]
    public async Task WritesThrowObjectDisposedOnceDisposed()
    {
        byte[] packet = MakePacket(60);
        await Subject.DisposeAsync().ConfigureAwait(false);
        Assert.That(async () => await Subject.WriteAsync(packet).ConfigureAwait(false), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task FiftyConcurrentDisposalsAreOne()
    {
        Task<int> read = Subject.ReadAsync(new byte[100]).AsTask();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => Subject.DisposeAsync().AsTask()))).WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(await read.WaitAsync(Limit).ConfigureAwait(false), Is.Zero);
    }

    private async Task<int> ReadAsync(Memory<byte> buffer) => await Subject.ReadAsync(buffer).AsTask().WaitAsync(Limit).ConfigureAwait(false);
}
