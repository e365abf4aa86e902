using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace TunFlow.Network;

/// <summary>A full-duplex byte stream between two endpoints whose two directions end independently.</summary>
/// <remarks>
/// <para>One read and one write may be in flight at once, from different threads; a second overlapping read or write throws
/// <see cref="InvalidOperationException"/>. Cancelling a read or a write never ends the connection and loses no received byte; a cancelled
/// write may have sent a part of its data.</para>
/// <para>Disposing closes like a socket does: what was written is still delivered in the background, followed by a FIN; if received data
/// was never read, or a write is pending that disposing cuts short, the peer gets an RST instead. Disposing is idempotent and allowed at any
/// time from any thread; pending and later calls throw <see cref="ObjectDisposedException"/>. A reset by the peer is
/// <see cref="NetworkException"/> with <see cref="NetworkError.ConnectionReset"/>, never an end of stream.</para>
/// </remarks>
public abstract partial class StreamConnection : Stream
{
    /// <summary>The local end, as far as it is known. Stays readable after disposal.</summary>
    public abstract EndPoint? LocalEndPoint { get; }

    /// <summary>The remote end, as far as it is known. Stays readable after disposal.</summary>
    public abstract EndPoint? RemoteEndPoint { get; }

    /// <summary>Completes when nothing more will be read: at the end of the peer's stream, after <see cref="AbortReads"/>, or when the connection was closed or disposed. Faults with the <see cref="NetworkException"/> if the connection broke. A fault needs no observer.</summary>
    public abstract Task ReadsClosed { get; }

    /// <summary>Completes when nothing more can be written: after <see cref="CompleteWritesAsync"/>, or when the connection was closed or disposed. Faults with the <see cref="NetworkException"/> if the connection broke. A fault needs no observer.</summary>
    public abstract Task WritesClosed { get; }

    /// <summary>Whether a read into an empty buffer waits until data or the end of the stream is there, so that an idle connection needs no buffer. If false, such a read completes at once.</summary>
    public virtual bool CanWaitForData => false;

    /// <summary>Half-closes: the peer sees the end of the stream after everything written before. Reading goes on. Idempotent.</summary>
    /// <param name="cancellationToken">Cancels the wait for what has to be sent first.</param>
    /// <exception cref="InvalidOperationException">A write is pending.</exception>
    /// <exception cref="NetworkException">The connection broke before the end could be sent.</exception>
    /// <exception cref="ObjectDisposedException">The connection was disposed.</exception>
    public abstract ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default);

    /// <summary>Gives up reading: a pending and every later read returns 0, data that still comes is discarded. Writing goes on. Idempotent; never throws.</summary>
    public abstract void AbortReads();

    /// <summary>Resets the connection at once: unsent data is dropped and the peer gets an RST. Pending and later calls throw <see cref="ObjectDisposedException"/>. Idempotent; never throws.</summary>
    public abstract void Abort();

    /// <inheritdoc/>
    public abstract override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    /// <inheritdoc/>
    public abstract override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default);

    /// <inheritdoc/>
    [SuppressMessage("Design", "CA1065", Justification = "The contract of Stream.")]
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    [SuppressMessage("Design", "CA1065", Justification = "The contract of Stream.")]
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <inheritdoc/>
    public override bool CanSeek => false;
}
