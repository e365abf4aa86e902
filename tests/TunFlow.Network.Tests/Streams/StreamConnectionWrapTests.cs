using System.Net.Sockets;
using System.Security.Cryptography;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class StreamConnectionWrapTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private StreamConnection _inner = null!;
    private StreamConnection _peer = null!;

    [SetUp]
    public async Task ConnectAsync()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        _inner = StreamConnection.Create(client);
        _peer = StreamConnection.Create(server);
    }

    [TearDown]
    public async Task DisconnectAsync()
    {
        await _inner.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Test]
    public async Task OnlyTheGivenDirectionsAreReplaced()
    {
        await using StreamConnection reading = StreamConnection.Wrap(_inner, new XorStream(_inner, 1), writer: null);
        await reading.WriteAsync(new byte[] { 10 });
        Assert.That(await ReadByteAsync(_peer), Is.EqualTo(10));
        await _peer.WriteAsync(new byte[] { 10 });
        Assert.That(await ReadByteAsync(reading), Is.EqualTo(11));

        // The writer is added, the reader stays.
        await using StreamConnection both = StreamConnection.Wrap(reading, reader: null, new XorStream(_inner, 2));
        await both.WriteAsync(new byte[] { 10 });
        Assert.That(await ReadByteAsync(_peer), Is.EqualTo(8));
        await _peer.WriteAsync(new byte[] { 10 });
        Assert.That(await ReadByteAsync(both), Is.EqualTo(11));
    }

    [Test]
    public async Task WrappingAgainDoesNotNest()
    {
        StreamConnection wrapped = _inner;
        for (int i = 0; i < 5000; i++)
        {
            wrapped = StreamConnection.Wrap(wrapped, reader: null, i == 0 ? new XorStream(_inner, 1) : null);
        }

        // Five thousand levels would need as many frames of the stack.
        await wrapped.WriteAsync(new byte[] { 10 });
        Assert.That(await ReadByteAsync(_peer), Is.EqualTo(11));
        Assert.That((wrapped.LocalEndPoint, wrapped.CanWaitForData), Is.EqualTo((_inner.LocalEndPoint, true)));
        await wrapped.DisposeAsync();
        Assert.That(_inner.CanRead, Is.False);
    }

    [Test]
    public async Task AStreamThatIsTheConnectionItselfReplacesNothing()
    {
        await using StreamConnection wrapped = StreamConnection.Wrap(_inner, _inner, _inner);
        Assert.That(wrapped.CanWaitForData, Is.True);
        await wrapped.WriteAsync(new byte[] { 10 });
        Assert.That(await ReadByteAsync(_peer), Is.EqualTo(10));
    }

    [Test]
    public async Task HalfClosingFlushesTheWriterFirst()
    {
        XorStream writer = new(_inner, 1);
        await using StreamConnection wrapped = StreamConnection.Wrap(_inner, reader: null, writer);
        await writer.WriteAsync(new byte[] { 10 });
        await wrapped.CompleteWritesAsync();
        Assert.That(await ReadByteAsync(_peer), Is.EqualTo(11));
        Assert.That(await _peer.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit), Is.Zero);
    }

    [Test]
    public async Task CopyingIsTheReadersOwn()
    {
        CopyingStream reader = new();
        await using StreamConnection wrapped = StreamConnection.Wrap(_inner, reader, writer: null);
        using MemoryStream destination = new();
        await wrapped.CopyToAsync(destination);
        Assert.That((reader.Copies, destination.Length), Is.EqualTo((1, 3)));
        Assert.That(await wrapped.ReadAsync(new byte[1]), Is.Zero);
        await wrapped.ReadsClosed.WaitAsync(s_limit);
    }

    [Test]
    public async Task ACopyIsAReadThatOverlapsWithOthers()
    {
        await using StreamConnection wrapped = StreamConnection.Wrap(_inner, new XorStream(_inner, 1), writer: null);
        using MemoryStream destination = new();
        Task copy = wrapped.CopyToAsync(destination);
        await Assert.ThrowsAsync<InvalidOperationException>(() => wrapped.ReadAsync(new byte[1]).AsTask());
        await wrapped.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => copy.WaitAsync(s_limit));
    }

    [Test]
    public async Task AnErrorOfACopysDestinationLeavesTheConnectionUsable()
    {
        await using StreamConnection wrapped = StreamConnection.Wrap(_inner, new XorStream(_inner, 1), writer: null);
        await using MemoryStream full = new(new byte[1], writable: true);
        await _peer.WriteAsync(new byte[2]);
        await Assert.ThrowsAsync<NotSupportedException>(() => wrapped.CopyToAsync(full).WaitAsync(s_limit));
        await _peer.WriteAsync(new byte[] { 10 });
        Assert.That(await ReadByteAsync(wrapped), Is.EqualTo(11));
    }

    [Test]
    public async Task StreamsAreDisposedOnceAfterTheLastCallLeft()
    {
        HoldingStream reader = new();
        XorStream writer = new(_inner, 1);
        StreamConnection first = StreamConnection.Wrap(_inner, reader, writer);
        StreamConnection wrapped = StreamConnection.Wrap(first, reader: null, writer);
        Task<int> read = wrapped.ReadAsync(new byte[1]).AsTask();
        await wrapped.DisposeAsync();
        await wrapped.DisposeAsync();
        Assert.That((reader.Disposals, writer.Disposals), Is.EqualTo((0, 0)));
        reader.LetGo();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => read.WaitAsync(s_limit));
        Assert.That((reader.Disposals, writer.Disposals), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task AStreamThatThrowsWhenDisposedKeepsNoOtherFromBeingDisposed()
    {
        await using ThrowingStream reader = new();
        XorStream writer = new(_inner, 1);
        StreamConnection wrapped = StreamConnection.Wrap(_inner, reader, writer);
        Assert.That(wrapped.Dispose, Throws.Nothing);
        Assert.That(writer.Disposals, Is.EqualTo(1));
        Assert.That(await _peer.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit), Is.Zero);
    }

    [Test]
    public async Task ADecryptingStreamThatMissesItsLastBlockIsDisposedInPeace()
    {
        using Aes aes = Aes.Create();
        using ICryptoTransform decryption = aes.CreateDecryptor();
        await using CryptoStream reader = new(_inner, decryption, CryptoStreamMode.Read, leaveOpen: true);
        StreamConnection wrapped = StreamConnection.Wrap(_inner, reader, writer: null);
        await _peer.WriteAsync(new byte[5]);
        Task<int> read = wrapped.ReadAsync(new byte[1]).AsTask();
        await wrapped.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => read.WaitAsync(s_limit));
    }

    [Test]
    public async Task AnErrorOfAStreamBreaksTheConnectionAndDisposingResets()
    {
        StreamConnection wrapped = StreamConnection.Wrap(_inner, new ThrowingStream(), writer: null);
        Task writes = wrapped.WritesClosed;
        NetworkException first = await Assert.ThrowsAsync<NetworkException>(() => wrapped.ReadAsync(new byte[1]).AsTask());
        Assert.That(first.InnerException, Is.TypeOf<InvalidDataException>());
        Assert.That((await Assert.ThrowsAsync<NetworkException>(async () => await wrapped.WriteAsync(new byte[1]))).Message, Is.EqualTo(first.Message));
        Assert.That(await Assert.ThrowsAsync<NetworkException>(() => writes.WaitAsync(s_limit)), Is.SameAs(await Assert.ThrowsAsync<NetworkException>(() => wrapped.ReadsClosed)));
        await wrapped.DisposeAsync();
        Assert.That((await Assert.ThrowsAsync<NetworkException>(async () => await _peer.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit))).Error, Is.EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public async Task AnInnerConnectionThatSomebodyElseDisposedIsClosed()
    {
        await using StreamConnection wrapped = StreamConnection.Wrap(_inner, new XorStream(_inner, 1), writer: null);
        Task writes = wrapped.WritesClosed;
        Task<int> read = wrapped.ReadAsync(new byte[1]).AsTask();
        await _inner.DisposeAsync();
        Assert.That((await Assert.ThrowsAsync<NetworkException>(() => read.WaitAsync(s_limit))).Error, Is.EqualTo(NetworkError.Closed));
        await writes.WaitAsync(s_limit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That(writes.IsCompleted, Is.True);
    }

    [Test]
    public async Task ABrokenInnerConnectionShowsThoughNobodyCalls()
    {
        await using StreamConnection wrapped = StreamConnection.Wrap(_inner, new XorStream(_inner, 1), writer: null);
        Task writes = wrapped.WritesClosed;
        Task<int> behind = _inner.ReadAsync(new byte[1]).AsTask();
        _peer.Abort();
        await Assert.ThrowsAsync<NetworkException>(() => behind.WaitAsync(s_limit));
        Assert.That((await Assert.ThrowsAsync<NetworkException>(() => writes.WaitAsync(s_limit))).Error, Is.EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public async Task ReleasesOfADerivedClassAreOneWhateverEndsIt()
    {
        for (int round = 0; round < 100; round++)
        {
            (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
            await using StreamConnection peer = StreamConnection.Create(server);
            RecordConnection connection = new(StreamConnection.Create(client));
            Task[] calls =
            [
                Task.Run(async () => await connection.ReadAsync(new byte[10])),
                Task.Run(async () => await connection.WriteAsync(new byte[100_000])),
                Task.Run(connection.Abort),
                Task.Run(connection.Dispose),
            ];
            await Task.WhenAll(calls).WaitAsync(s_limit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Assert.That(connection.Releases, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task BytesThatADerivedClassHoldsAreUnreadData()
    {
        await using RecordConnection sender = new(_peer, greets: false);
        RecordConnection connection = new(_inner);
        await sender.WriteAsync(new byte[100]);
        await connection.ReadExactlyAsync(new byte[1]);
        await connection.DisposeAsync();
        Assert.That((await Assert.ThrowsAsync<NetworkException>(async () => await _peer.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit))).Error, Is.EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public async Task AStreamThatEndsWithinARecordIsAnErrorAndNotAnEnd()
    {
        await using RecordConnection connection = new(_inner);
        await _peer.WriteAsync(new byte[] { 0, 0, 0, 10, 1, 2 });
        await _peer.CompleteWritesAsync();
        Assert.That((await Assert.ThrowsAsync<NetworkException>(() => connection.ReadAsync(new byte[1]).AsTask())).Error, Is.EqualTo(NetworkError.ProtocolViolation));
    }

    [Test]
    public async Task GivingUpReadingInTheMiddleOfARecordIsAnEnd()
    {
        await using RecordConnection connection = new(_inner);
        await _peer.WriteAsync(new byte[] { 0, 0, 0, 10, 1, 2 });
        Task<int> read = connection.ReadAsync(new byte[1]).AsTask();
        await Task.Delay(20);
        connection.AbortReads();
        Assert.That(await read.WaitAsync(s_limit), Is.Zero);
    }

    [Test]
    public async Task WrongArgumentsAreRejected()
    {
        await using MemoryStream readOnly = new(new byte[1], writable: false);
        Assert.That(() => StreamConnection.Wrap(null!, null, null), Throws.ArgumentNullException);
        Assert.That(() => StreamConnection.Wrap(_inner, null, readOnly), Throws.ArgumentException);
        MemoryStream disposed = new();
        await disposed.DisposeAsync();
        Assert.That(() => StreamConnection.Wrap(_inner, disposed, null), Throws.ArgumentException);
        Assert.That(() => new RecordConnection(null!), Throws.ArgumentNullException);
    }

    private static async Task<int> ReadByteAsync(StreamConnection connection)
    {
        byte[] buffer = new byte[1];
        await connection.ReadExactlyAsync(buffer).AsTask().WaitAsync(s_limit);
        return buffer[0];
    }

    private sealed class CopyingStream : MemoryStream
    {
        public int Copies { get; private set; }

        public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
        {
            Copies++;
            await destination.WriteAsync(new byte[3], cancellationToken);
        }
    }

    private sealed class ThrowingStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new InvalidDataException("bad record");

        protected override void Dispose(bool disposing)
        {
            if (CanRead)
            {
                base.Dispose(disposing);
                throw new InvalidDataException("unfinished");
            }
        }
    }

    private sealed class HoldingStream : MemoryStream
    {
        private readonly TaskCompletionSource<int> _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _disposals;

        public int Disposals => _disposals;

        public void LetGo() => _read.SetResult(0);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(_read.Task);

        protected override void Dispose(bool disposing)
        {
            Interlocked.Increment(ref _disposals);
            base.Dispose(disposing);
        }
    }
}
