using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>A connection whose bytes go through streams of somebody else's making.</summary>
internal sealed class WrappedStreamConnection : DelegatingStreamConnection
{
    private readonly Stream? _reader;
    private readonly Stream? _writer;
    private readonly bool _readerCanWait;

    // Also those of the wrapped connection that this one took over: its reader or writer may go through them.
    private readonly List<Stream> _owned;

    public WrappedStreamConnection(StreamConnection inner, Stream? reader, Stream? writer, bool readerCanWait)
        : base(inner is WrappedStreamConnection wrapped ? wrapped.Inner : inner)
    {
        WrappedStreamConnection? previous = inner as WrappedStreamConnection;
        _owned = [.. previous?._owned ?? []];
        (_reader, _readerCanWait) = Own(reader, inner) ? (reader, readerCanWait || reader is StreamConnection { CanWaitForData: true }) : (previous?._reader, previous?._readerCanWait ?? false);
        _writer = Own(writer, inner) ? writer : previous?._writer;
    }

    public override bool CanWaitForData => _reader is null ? Inner.CanWaitForData : _readerCanWait;

    public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
    {
        ValidateCopyToArguments(destination, bufferSize);
        return _reader is null ? base.CopyToAsync(destination, bufferSize, cancellationToken) : CopyThroughAsync(_reader, destination, bufferSize, cancellationToken);
    }

    protected override ValueTask<int> ReadCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_reader is null)
        {
            return Inner.ReadAsync(buffer, cancellationToken);
        }

        // Many streams take an empty read for a mistake.
        return buffer.IsEmpty && !_readerCanWait ? ValueTask.FromResult(0) : _reader.ReadAsync(buffer, cancellationToken);
    }

    protected override ValueTask WriteCoreAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken) =>
        _writer is null ? Inner.WriteAsync(buffer, cancellationToken) : WriteAndFlushAsync(_writer, buffer, cancellationToken);

    protected override async ValueTask CompleteWritesCoreAsync(CancellationToken cancellationToken)
    {
        if (_writer is not null)
        {
            await _writer.FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        await Inner.CompleteWritesAsync(cancellationToken).ConfigureAwait(false);
    }

    protected override void Release()
    {
        foreach (Stream stream in _owned)
        {
            try
            {
                stream.Dispose();
            }
            catch (Exception)
            {
                // It wanted to flush into a connection that is closed, or misses the rest of what it decodes (a CryptoStream its last block). The
                // connection is over, so nothing is lost that could still be sent, and the other streams have to be freed, too.
                continue;
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private static async ValueTask WriteAndFlushAsync(Stream writer, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        await writer.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
        await writer.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether the stream is one of its own, and not the wrapped connection itself.</summary>
    private bool Own(Stream? stream, StreamConnection inner)
    {
        if (stream is null || ReferenceEquals(stream, inner))
        {
            return false;
        }

        if (!_owned.Contains(stream))
        {
            _owned.Add(stream);
        }

        return true;
    }
}
