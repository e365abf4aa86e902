using System.Net;

namespace TunFlow.Network;

/// <summary>A connection that changes what goes through another one: cuts it, encrypts it, counts it. Derived classes say what happens to the bytes; half-closing, aborting, disposing, overlaps and errors are the base's.</summary>
/// <remarks>
/// <para>Theory of operation. The base calls one <see cref="ReadCoreAsync"/> at a time, beside one <see cref="WriteCoreAsync"/> or
/// <see cref="CompleteWritesCoreAsync"/>, never before the checks of the contract passed. Ending is the inner connection's: its pending calls end, and so
/// do those of the derived class that wait for them; what they throw then is translated. The first error that a derived class throws breaks the
/// connection: it is remembered, later calls throw it again, and disposing resets the inner connection, so that a stream cut by an error never looks
/// complete to the peer.</para>
/// <para>What a derived class has to keep: cancelling a read loses nothing (hold what was read of the inner connection until it is whole; the inner
/// connection keeps the rest); <see cref="WriteCoreAsync"/> completes when the bytes are with the inner connection; a cancelled write that left a part
/// behind which can't be continued throws <see cref="NetworkException"/> instead of <see cref="OperationCanceledException"/>. Buffers and keys are freed
/// in <see cref="Release"/>, which is called once, when nobody uses them any more.</para>
/// <para>Threads are those of <see cref="StreamConnection"/>: a derived class meets a read and a write at the same time, never two of a kind, and each
/// maybe on another thread than the one before. The base holds no lock while it calls, and allocates nothing per read or write.</para>
/// </remarks>
public abstract partial class DelegatingStreamConnection : StreamConnection
{
    private readonly ClosedSignal _readsClosed = new();
    private readonly ClosedSignal _writesClosed = new();
    private NetworkException? _fault;
    private int _watching;
    private int _reading;
    private int _writing;
    private int _readsAborted;
    private int _disposed;

    // The owner and every call in progress. Whoever takes it to 0 releases.
    private int _users = 1;
    private volatile bool _readsEnded;
    private volatile bool _writesCompleted;

    /// <summary>Takes a connection over.</summary>
    /// <param name="inner">The connection, owned by this one from now on.</param>
    protected DelegatingStreamConnection(StreamConnection inner)
    {
        ArgumentNullException.ThrowIfNull(inner);
        Inner = inner;
    }

    /// <inheritdoc/>
    public override EndPoint? LocalEndPoint => Inner.LocalEndPoint;

    /// <inheritdoc/>
    public override EndPoint? RemoteEndPoint => Inner.RemoteEndPoint;

    /// <inheritdoc/>
    public sealed override Task ReadsClosed
    {
        get
        {
            WatchInner();
            return _readsClosed.Task;
        }
    }

    /// <inheritdoc/>
    public sealed override Task WritesClosed
    {
        get
        {
            WatchInner();
            return _writesClosed.Task;
        }
    }

    /// <inheritdoc/>
    public sealed override bool CanRead => !IsDisposed;

    /// <inheritdoc/>
    public sealed override bool CanWrite => !IsDisposed;

    /// <inheritdoc/>
    /// <remarks>That of the inner connection. A derived class that holds decoded bytes completes an empty read at once while it has some, and otherwise waits with an empty read of the inner connection; one that can't do that returns false.</remarks>
    public override bool CanWaitForData => Inner.CanWaitForData;

    /// <summary>The connection below.</summary>
    protected StreamConnection Inner { get; }

    /// <summary>Whether bytes that were received are still with the derived class, so that disposing resets instead of ending. Called at most once, at disposal, while no read is in progress.</summary>
    protected virtual bool HasUnreadData => false;

    private bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <inheritdoc/>
    public sealed override void AbortReads()
    {
        if (IsDisposed || Interlocked.Exchange(ref _readsAborted, 1) != 0)
        {
            return;
        }

        Inner.AbortReads();
        _readsClosed.Complete();
    }

    /// <inheritdoc/>
    public sealed override void Abort()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            End(abortive: true);
        }
    }

    /// <summary>Reads into a buffer that may be empty.</summary>
    /// <param name="buffer">Receives the bytes; empty to wait for some (see <see cref="CanWaitForData"/>).</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    /// <returns>The bytes read; 0 at the end of the stream, or for an empty buffer.</returns>
    protected virtual ValueTask<int> ReadCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken) => Inner.ReadAsync(buffer, cancellationToken);

    /// <summary>Writes bytes, at least one.</summary>
    /// <param name="buffer">The bytes.</param>
    /// <param name="cancellationToken">Cancels the write.</param>
    protected virtual ValueTask WriteCoreAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken) => Inner.WriteAsync(buffer, cancellationToken);

    /// <summary>Sends what is still held back and then the end of the stream, which is <see cref="StreamConnection.CompleteWritesAsync"/> of the inner connection. Called again only if it was cancelled.</summary>
    /// <param name="cancellationToken">Cancels the wait for what has to be sent first.</param>
    protected virtual ValueTask CompleteWritesCoreAsync(CancellationToken cancellationToken) => Inner.CompleteWritesAsync(cancellationToken);

    /// <summary>Frees what the derived class owns. Called once, after the connection was disposed or aborted and the last call in progress left; on the thread that was the last. Must not throw.</summary>
    protected virtual void Release()
    {
    }

    /// <inheritdoc/>
    protected sealed override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            // A stream that was cut, or whose answer nobody read, must not look complete to the peer. The inner connection sees only its own part of that.
            End(abortive: Volatile.Read(ref _writing) != 0 || Volatile.Read(ref _fault) is not null || IsAnythingUnread());
        }

        base.Dispose(disposing);
    }
}
