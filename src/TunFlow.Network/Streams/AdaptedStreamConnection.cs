using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Any stream as a connection.</summary>
/// <remarks>
/// Theory of operation. Few streams survive the cancelling of a read, so the stream's own reads are never cancelled: a read whose caller gave up goes
/// on in the background (<see cref="_background"/>) and the next caller gets its result. Streams that can wait for data do so without a buffer;
/// for the others a pooled one is held while they wait. Bytes that were read ahead stay in that buffer until somebody takes them.
/// </remarks>
[SuppressMessage("Reliability", "CA2213", Justification = "_closing has no timer and no handle, and a write that just starts may still look at it.")]
internal sealed partial class AdaptedStreamConnection : StreamConnection
{
    private readonly Stream _stream;
    private readonly SslGate? _tls;
    private readonly StreamConnectionOptions _options;
    private readonly ClosedSignal _readsClosed = new();
    private readonly ClosedSignal _writesClosed = new();
    private readonly TaskCompletionSource _readsStopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Cancelled when the connection is closed: a pending write of the stream's may not notice otherwise.
    private readonly CancellationTokenSource _closing = new();
    private Task<int>? _background;
    private byte[]? _ahead;
    private int _aheadStart;
    private int _aheadEnd;
    private int _reading;
    private int _writing;
    private int _readsAborted;
    private int _disposed;
    private volatile bool _readsEnded;
    private volatile bool _writesCompleted;
    private volatile bool _writesCompleting;
    private NetworkException? _fault;

    // TLS: the close_notify on its way, which nothing can call back. Belongs to whoever holds _writing.
    private Task? _closeNotify;

    public AdaptedStreamConnection(Stream stream, StreamConnectionOptions options)
    {
        _stream = stream;
        _options = options;
        _tls = stream is SslStream ssl ? new SslGate(ssl) : null;
        CanWaitForData = options.CanWaitForData || stream is NetworkStream or SslStream or StreamConnection { CanWaitForData: true };
        Socket? socket = (stream as NetworkStream)?.Socket;
        StreamConnection? connection = options.Transport ?? stream as StreamConnection;
        LocalEndPoint = options.LocalEndPoint ?? connection?.LocalEndPoint ?? socket?.LocalEndPoint;
        RemoteEndPoint = options.RemoteEndPoint ?? connection?.RemoteEndPoint ?? socket?.RemoteEndPoint;
    }

    public override EndPoint? LocalEndPoint { get; }

    public override EndPoint? RemoteEndPoint { get; }

    public override Task ReadsClosed => _readsClosed.Task;

    public override Task WritesClosed => _writesClosed.Task;

    public override bool CanRead => !IsDisposed;

    public override bool CanWrite => !IsDisposed;

    public override bool CanWaitForData { get; }

    // A wait for data ended and nobody has read since. Belongs to whoever holds _reading.
    private bool _waited;

    private bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    public override async ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        StreamCalls.Enter(ref _writing, in _disposed, this, "A write is pending.");
        try
        {
            if (_writesCompleted)
            {
                return;
            }

            StreamCalls.ThrowIfFaulted(in _fault);

            // Told first: with both FINs passed at once, a concurrent read finds the connection in CLOSE before shutdown() has returned.
            _writesCompleting = true;
            await HalfCloseAsync(cancellationToken).ConfigureAwait(false);
            _writesCompleted = true;
            _writesClosed.Complete();
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    public override void AbortReads()
    {
        if (IsDisposed || Interlocked.Exchange(ref _readsAborted, 1) != 0)
        {
            return;
        }

        bool ended = _readsEnded;
        _readsStopped.TrySetResult();
        _readsClosed.Complete();
        if (!ended)
        {
            _ = DrainAsync();
        }
    }

    public override void Abort()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            End(abortive: true);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            // A stream that was cut, by this or by an error, or whose answer nobody read, must not look complete to the peer.
            End(abortive: Volatile.Read(ref _writing) != 0 || Volatile.Read(ref _fault) is not null || HasUnreadData());
        }

        base.Dispose(disposing);
    }

    private Exception Translate(Exception exception, CancellationToken cancellationToken)
    {
        if (IsDisposed)
        {
            return new ObjectDisposedException(GetType().FullName);
        }

        if (exception is OperationCanceledException && cancellationToken.IsCancellationRequested)
        {
            return new OperationCanceledException(exception.Message, exception, cancellationToken);
        }

        NetworkError error = NetworkErrors.Classify(exception);
        if (error == NetworkError.ConnectionAborted && exception.GetBaseException() is SocketException && !_writesCompleted && !OperatingSystem.IsWindows())
        {
            // EPIPE of a socket below, without our own shutdown(): the peer's RST was told to another call.
            error = NetworkError.ConnectionReset;
        }

        NetworkException failure = exception as NetworkException ?? new(error, exception.Message, exception);
        NetworkException first = Interlocked.CompareExchange(ref _fault, failure, null) ?? failure;
        _readsClosed.Fail(first);
        _writesClosed.Fail(first);
        return failure;
    }
}
