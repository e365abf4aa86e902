using System.Net;
using TunFlow.Network;

namespace TunFlow.Testing;

/// <summary>The contract of <see cref="IPacketProxy"/> as tests. Derive a fixture per implementation.</summary>
/// <remarks>What is behind the proxy answers each request, a DNS query, with <see cref="ExpectedAnswer"/>. Each test gets a proxy of its own, on virtual time.</remarks>
public abstract partial class PacketProxyConformance
{
    /// <summary>How long a single step may take before the test fails instead of hanging.</summary>
    protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>The clock of the proxy.</summary>
    protected ManualTimeProvider Time { get; private set; } = null!;

    /// <summary>The proxy under test.</summary>
    protected IPacketProxy Subject { get; private set; } = null!;

    /// <summary>Whom requests go to.</summary>
    protected virtual IPEndPoint Destination { get; } = new(IPAddress.Parse("192.0.2.53"), 53);

    /// <summary>How many sockets or inner sessions were opened and not yet disposed, or disposed more than once.</summary>
    protected abstract int OpenUpstreams { get; }

    /// <summary>Makes the proxy.</summary>
    protected abstract IPacketProxy Create(ManualTimeProvider time);

    /// <summary>Makes sends of the session pend until what is returned is set, or until they are cancelled or closed.</summary>
    protected abstract TaskCompletionSource Hold(ConformanceReceiver receiver);

    /// <summary>What a request is answered with.</summary>
    protected abstract byte[] ExpectedAnswer(byte[] request);

    /// <summary>Runs with each new session.</summary>
    protected virtual ValueTask PrepareAsync(IPacketRequestSender sender, ConformanceReceiver receiver) => ValueTask.CompletedTask;

    /// <summary>Makes a DNS query; different numbers make different queries.</summary>
    protected static byte[] MakeRequest(int number)
    {
        byte[] request = new byte[12 + 11 + 4];
        request[0] = (byte)(number >> 8);
        request[1] = (byte)number;
        request[2] = 0x01;
        request[5] = 1;
        request[12] = 4;
        for (int i = 0; i < 4; i++)
        {
            request[13 + i] = (byte)('a' + ((number >> (4 * i)) & 0xF));
        }

        request[17] = 4;
        "test"u8.CopyTo(request.AsSpan(18));
        request[24] = 1;
        request[26] = 1;
        return request;
    }

    /// <summary>Creates the proxy.</summary>
    [SetUp]
    public void SetUpProxy()
    {
        Time = new ManualTimeProvider();
        Subject = Create(Time);
    }

    /// <summary>Asserts that nothing is left.</summary>
    [TearDown]
    public async Task TearDownProxyAsync()
    {
        await EventuallyAsync(() => OpenUpstreams == 0, "everything behind the proxy is disposed").ConfigureAwait(false);
        await EventuallyAsync(() => Time.ActiveTimers == 0, "no timer runs").ConfigureAwait(false);
    }

    /// <summary>Opens a session.</summary>
    protected async Task<(IPacketRequestSender Sender, ConformanceReceiver Receiver)> OpenAsync()
    {
        ConformanceReceiver receiver = new();
        IPacketRequestSender sender = await Subject.NewSessionAsync(receiver).AsTask().WaitAsync(Limit).ConfigureAwait(false);
        await PrepareAsync(sender, receiver).ConfigureAwait(false);
        return (sender, receiver);
    }

    /// <summary>Sends a request and asserts its answer.</summary>
    protected async Task ExchangeAsync(IPacketRequestSender sender, ConformanceReceiver receiver, int number)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(receiver);
        byte[] request = MakeRequest(number);
        await WriteAsync(sender, request).ConfigureAwait(false);
        (byte[] answer, IPEndPoint source) = await receiver.NextAsync().ConfigureAwait(false);
        Assert.That((answer, source), Is.EqualTo((ExpectedAnswer(request), Destination)));
    }

    /// <summary>Sends a datagram.</summary>
    protected async Task WriteAsync(IPacketRequestSender sender, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(sender);
        await sender.WriteToAsync(payload, Destination, cancellationToken).AsTask().WaitAsync(Limit, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Asserts that a session ended by itself: closed for its owner, its receiver disposed once; and disposes it.</summary>
    protected async Task AssertEndedAsync(IPacketRequestSender sender, ConformanceReceiver receiver)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(receiver);
        await receiver.Disposed.WaitAsync(Limit).ConfigureAwait(false);
        NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(() => WriteAsync(sender, MakeRequest(1))).ConfigureAwait(false);
        Assert.That(exception?.Error, Is.EqualTo(NetworkError.Closed));
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    /// <summary>Disposes a session and asserts what holds afterwards.</summary>
    protected async Task AssertDisposesAsync(IPacketRequestSender sender, ConformanceReceiver receiver)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(receiver);
        await sender.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        await receiver.Disposed.WaitAsync(Limit).ConfigureAwait(false);
        await sender.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => WriteAsync(sender, MakeRequest(1))).ConfigureAwait(false);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => WriteAsync(sender, ReadOnlyMemory<byte>.Empty)).ConfigureAwait(false);
        Assert.That(receiver.Disposals, Is.EqualTo(1), "disposals of the receiver");
    }

    /// <summary>Waits for something that another thread is about to do.</summary>
    protected static async Task EventuallyAsync(Func<bool> condition, string what)
    {
        ArgumentNullException.ThrowIfNull(condition);
        long start = Environment.TickCount64;
        while (!condition())
        {
            Assert.That(Environment.TickCount64 - start, Is.LessThan(20_000), what);
            await Task.Delay(2).ConfigureAwait(false);
        }
    }
}
