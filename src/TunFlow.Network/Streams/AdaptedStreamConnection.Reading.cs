using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <content>Reading and writing.</content>
internal sealed partial class AdaptedStreamConnection
{
    private const int AheadBufferSize = 16 * 1024;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        // Before the overlap check: once reads are aborted the busy flag belongs to the draining.
        if (Volatile.Read(ref _readsAborted) != 0)
        {
            return ValueTask.FromResult(0);
        }

        StreamCalls.Enter(ref _reading, in _disposed, this, "Another read is pending.");
        return ReadCoreAsync(buffer, cancellationToken);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        StreamCalls.Enter(ref _writing, in _disposed, this, "Another write is pending.");
        bool allowed = !_writesCompleted && _closeNotify is null;
        try
        {
            if (!allowed)
            {
                throw new InvalidOperationException("Writes were completed.");
            }

            StreamCalls.ThrowIfFaulted(in _fault);
            if (!buffer.IsEmpty)
            {
                // A TLS record that is cut short can't be continued: there a write is cancelled before it starts or not at all.
                using CancellationTokenSource? midway = _stream is SslStream || !cancellationToken.CanBeCanceled
                    ? null
                    : CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
                CancellationToken stop = midway?.Token ?? _closing.Token;
                await _stream.WriteAsync(buffer, stop).ConfigureAwait(false);
                await _stream.FlushAsync(stop).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (allowed)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    private async ValueTask<int> ReadCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                if (_readsEnded || Volatile.Read(ref _readsAborted) != 0)
                {
                    return 0;
                }

                if (_aheadEnd > _aheadStart)
                {
                    return TakeAhead(buffer.Span);
                }

                if (buffer.IsEmpty && !CanWaitForData)
                {
                    return 0;
                }

                Task<int> pending = _background ??= StartBackgroundRead();
                if (!pending.IsCompleted)
                {
                    await Task.WhenAny(pending, _readsStopped.Task).WaitAsync(cancellationToken).ConfigureAwait(false);
                    if (!pending.IsCompleted)
                    {
                        ObjectDisposedException.ThrowIf(IsDisposed, this);
                        return 0;
                    }
                }

                _background = null;
                int read = await pending.ConfigureAwait(false);
                if (!CanWaitForData)
                {
                    if (read == 0)
                    {
                        return EndOfReads();
                    }

                    (_aheadStart, _aheadEnd) = (0, read);
                    continue;
                }

                _waited = true;
                if (buffer.IsEmpty)
                {
                    return 0;
                }

                _waited = false;
                read = _tls is null
                    ? await _stream.ReadAsync(buffer, CancellationToken.None).ConfigureAwait(false)
                    : await _tls.ReadAsync(buffer).ConfigureAwait(false);
                return read == 0 ? EndOfReads() : read;
            }
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    private Task<int> StartBackgroundRead()
    {
        if (CanWaitForData)
        {
            return ReadStreamAsync(Memory<byte>.Empty);
        }

        _ahead ??= ArrayPool<byte>.Shared.Rent(AheadBufferSize);
        return ReadStreamAsync(_ahead.AsMemory());
    }

    private Task<int> ReadStreamAsync(Memory<byte> buffer) =>
        _tls is null ? _stream.ReadAsync(buffer, CancellationToken.None).AsTask() : _tls.ReadAsync(buffer);

    private int TakeAhead(Span<byte> destination)
    {
        int count = Math.Min(destination.Length, _aheadEnd - _aheadStart);
        _ahead.AsSpan(_aheadStart, count).CopyTo(destination);
        _aheadStart += count;
        if (_aheadStart == _aheadEnd)
        {
            ArrayPool<byte>.Shared.Return(_ahead!);
            _ahead = null;
            _aheadStart = _aheadEnd = 0;
        }

        return count;
    }

    private int EndOfReads()
    {
        StreamCalls.ThrowIfFaulted(in _fault);

        // Whether our FIN was sent is looked at after the state, because it may leave just now.
        if (!IsDisposed && _stream is NetworkStream network && LinuxTcpState.IsClosed(network.Socket) && !_writesCompleting)
        {
            throw new NetworkException(NetworkError.ConnectionReset);
        }

        _readsEnded = true;
        _readsClosed.Complete();
        return 0;
    }

    /// <summary>Reads and forgets what the peer still sends, so that its sending isn't stalled.</summary>
    private async Task DrainAsync()
    {
        // The caller's read that was pending leaves promptly: its wait was just ended.
        SpinWait wait = default;
        while (Interlocked.CompareExchange(ref _reading, 1, 0) != 0)
        {
            if (wait.NextSpinWillYield)
            {
                await Task.Yield();
            }

            wait.SpinOnce();
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(AheadBufferSize);
        try
        {
            if (_background is { } pending)
            {
                await pending.ConfigureAwait(false);
            }

            while (await ReadStreamAsync(buffer.AsMemory()).ConfigureAwait(false) > 0)
            {
            }

            ArrayPool<byte>.Shared.Return(buffer);
        }
        catch (Exception exception)
        {
            // Nobody waits for this loop; a broken connection is for the writer to know. The buffer may still be in a stream's hands: leave it to the collector.
            Translate(exception, CancellationToken.None);
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }
}
