using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Adapted streams that throw where they shouldn't.</summary>
internal sealed class AdaptedStreamFaultTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Test]
    public async Task AStreamThatThrowsWhenDisposedDoesNotLeaveItsTransportOpen()
    {
        TrackedConnection transport = new();
        StreamConnection connection = StreamConnection.Create(new ThrowingStream { ThrowsOnDisposal = true }, new StreamConnectionOptions { Transport = transport });
        await connection.DisposeAsync();
        Assert.That(transport.DisposeCount, Is.EqualTo(1));
        await connection.WritesClosed.WaitAsync(s_limit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That(connection.WritesClosed.Exception?.InnerException?.InnerException, Is.TypeOf<InvalidDataException>());
    }

    [Test]
    public async Task AnAbortThatThrowsAbortsTheTransportAndIsNoEndToThePeer()
    {
        TrackedConnection transport = new();
        StreamConnection connection = StreamConnection.Create(new MemoryStream(), new StreamConnectionOptions
        {
            Transport = transport,
            Abort = () => throw new InvalidDataException("can't"),
        });
        Assert.That(connection.Abort, Throws.Nothing);
        Assert.That((transport.AbortCount, transport.DisposeCount), Is.EqualTo((1, 1)));
        await connection.DisposeAsync();
        Assert.That((transport.AbortCount, transport.DisposeCount), Is.EqualTo((1, 1)));
    }

    [TestCase(typeof(InvalidDataException), NetworkError.Unknown)]
    [TestCase(typeof(NetworkException), NetworkError.Unknown)]
    [TestCase(typeof(InvalidOperationException), NetworkError.Unknown)]
    [TestCase(typeof(TimeoutException), NetworkError.TimedOut)]
    [TestCase(typeof(OperationCanceledException), NetworkError.Unknown)]
    public async Task AWriteThatFailsBreaksTheConnectionAndDisposingResets(Type error, NetworkError expected)
    {
        TrackedConnection transport = new();
        ThrowingStream stream = new() { WriteError = (Exception)Activator.CreateInstance(error)! };
        StreamConnection connection = StreamConnection.Create(stream, new StreamConnectionOptions { Transport = transport });
        NetworkException failure = await Assert.ThrowsAsync<NetworkException>(async () => await connection.WriteAsync(new byte[1]));
        Assert.That(failure.Error, Is.EqualTo(expected));
        await Assert.ThrowsAsync<NetworkException>(() => connection.WritesClosed.WaitAsync(s_limit));
        await Assert.ThrowsAsync<NetworkException>(() => connection.ReadsClosed.WaitAsync(s_limit));
        await Assert.ThrowsAsync<NetworkException>(async () => await connection.CompleteWritesAsync());
        await connection.DisposeAsync();
        Assert.That((transport.AbortCount, transport.DisposeCount), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task ABrokenInnerConnectionBreaksTheOneAroundIt()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        StreamConnection inner = StreamConnection.Create(client);
        await using StreamConnection peer = StreamConnection.Create(server);
        await using StreamConnection outer = StreamConnection.Create(inner, new StreamConnectionOptions());
        Task<int> behind = inner.ReadAsync(new byte[1]).AsTask();
        peer.Abort();
        await Assert.ThrowsAsync<NetworkException>(() => behind.WaitAsync(s_limit));
        Assert.That((await Assert.ThrowsAsync<NetworkException>(async () => await outer.WriteAsync(new byte[1]))).Error, Is.EqualTo(NetworkError.ConnectionReset));
        Assert.That((await Assert.ThrowsAsync<NetworkException>(() => outer.WritesClosed.WaitAsync(s_limit))).Error, Is.EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public void LimitsThatNoTimerHasAreRejectedAtOnce()
    {
        Assert.That(() => new StreamConnectionOptions { Linger = TimeSpan.MaxValue }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new StreamConnectionOptions { Linger = TimeSpan.FromTicks(-1) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(new StreamConnectionOptions { Linger = TimeSpan.FromDays(49) }.Linger, Is.EqualTo(TimeSpan.FromDays(49)));
    }

    private sealed class ThrowingStream : MemoryStream
    {
        public bool ThrowsOnDisposal { get; init; }

        public Exception? WriteError { get; init; }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            WriteError is null ? base.WriteAsync(buffer, cancellationToken) : ValueTask.FromException(WriteError);

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            if (ThrowsOnDisposal)
            {
                throw new InvalidDataException("unfinished");
            }
        }
    }
}
