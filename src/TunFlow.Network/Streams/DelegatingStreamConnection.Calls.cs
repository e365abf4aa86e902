using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <content>The discipline of calls: one at a time per direction, errors remembered, resources freed after the last.</content>
public abstract partial class DelegatingStreamConnection
{
    /// <inheritdoc/>
    public sealed override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        if (_readsEnded || Volatile.Read(ref _readsAborted) != 0)
        {
            return ValueTask.FromResult(0);
        }

        Enter(ref _reading, "Another read is pending.");
        return FinishReadAsync(buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public sealed override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        Enter(ref _writing, "Another write is pending.");
        return FinishWriteAsync(buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public sealed override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        Enter(ref _writing, "A write is pending.");
        return FinishCompletingAsync(cancellationToken);
    }

    /// <summary>Copies to the end by a reader's own way, as one long read. An error may be the destination's, so it breaks nothing here.</summary>
    private protected async Task CopyThroughAsync(Stream reader, Stream destination, int bufferSize, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        Enter(ref _reading, "Another read is pending.");
        try
        {
            if (!_readsEnded && Volatile.Read(ref _readsAborted) == 0)
            {
                StreamCalls.ThrowIfFaulted(in _fault);
                await reader.CopyToAsync(destination, bufferSize, cancellationToken).ConfigureAwait(false);
                _readsEnded = true;
                _readsClosed.Complete();
            }
        }
        catch (Exception) when (IsAbortedRead(cancellationToken))
        {
            // As if the reader had come to its end.
            _readsEnded = true;
        }
        catch (Exception exception) when (IsDisposed)
        {
            throw new ObjectDisposedException(GetType().FullName, exception);
        }
        finally
        {
            Leave(ref _reading);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> FinishReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            StreamCalls.ThrowIfFaulted(in _fault);
            int read = await ReadCoreAsync(buffer, cancellationToken).ConfigureAwait(false);

            // What a derived class takes for an end may be the disposal.
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            if (Volatile.Read(ref _readsAborted) != 0)
            {
                return 0;
            }

            if (read == 0 && !buffer.IsEmpty)
            {
                _readsEnded = true;
                _readsClosed.Complete();
            }

            return read;
        }
        catch (Exception) when (IsAbortedRead(cancellationToken))
        {
            // To a derived class the end that AbortReads makes may come in the middle of something.
            return 0;
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            Leave(ref _reading);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishWriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        bool allowed = !_writesCompleted;
        try
        {
            if (!allowed)
            {
                throw new InvalidOperationException("Writes were completed.");
            }

            StreamCalls.ThrowIfFaulted(in _fault);
            if (!buffer.IsEmpty)
            {
                await WriteCoreAsync(buffer, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (allowed)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            Leave(ref _writing);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishCompletingAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_writesCompleted)
            {
                return;
            }

            StreamCalls.ThrowIfFaulted(in _fault);
            await CompleteWritesCoreAsync(cancellationToken).ConfigureAwait(false);
            _writesCompleted = true;
            _writesClosed.Complete();
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            Leave(ref _writing);
        }
    }

    private void Enter(ref int busy, string message)
    {
        if (Interlocked.CompareExchange(ref busy, 1, 0) != 0)
        {
            // Disposal, too, holds the flag while it asks for unread data.
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            throw new InvalidOperationException(message);
        }

        int users = Volatile.Read(ref _users);
        while (users != 0)
        {
            int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users)
            {
                // Disposal stores its flag before it looks at this one. A write that neither saw would be cut by an orderly end.
                if (IsDisposed)
                {
                    Leave(ref busy);
                    throw new ObjectDisposedException(GetType().FullName);
                }

                return;
            }

            users = seen;
        }

        // Disposed after this call looked.
        Volatile.Write(ref busy, 0);
        throw new ObjectDisposedException(GetType().FullName);
    }

    private void Leave(ref int busy)
    {
        Volatile.Write(ref busy, 0);
        Unuse();
    }

    private void Unuse()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            Release();
        }
    }

    private void End(bool abortive)
    {
        try
        {
            if (abortive)
            {
                Inner.Abort();
            }
            else
            {
                Inner.Dispose();
            }
        }
        finally
        {
            _readsClosed.Complete();
            _writesClosed.Complete();
            Unuse();
        }
    }

    private bool IsAbortedRead(CancellationToken cancellationToken) =>
        Volatile.Read(ref _readsAborted) != 0 && !IsDisposed && !cancellationToken.IsCancellationRequested;

    private bool IsAnythingUnread()
    {
        if (_readsEnded || Volatile.Read(ref _readsAborted) != 0 || Interlocked.CompareExchange(ref _reading, 1, 0) != 0)
        {
            return false;
        }

        try
        {
            return HasUnreadData;
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    /// <summary>From the first time that somebody asks: passes on that the inner connection broke or was closed behind this one's back.</summary>
    private void WatchInner()
    {
        if (Interlocked.Exchange(ref _watching, 1) == 0)
        {
            _ = WatchAsync(Inner.ReadsClosed, reads: true);
            _ = WatchAsync(Inner.WritesClosed, reads: false);
        }
    }

    private async Task WatchAsync(Task innerClosed, bool reads)
    {
        try
        {
            await innerClosed.ConfigureAwait(false);
            if (!reads)
            {
                _writesClosed.Complete();
            }

            // The end of the inner stream is not this one's as long as the derived class has something to give.
        }
        catch (Exception exception)
        {
            NetworkException failure = NetworkErrors.Wrap(exception);
            (reads ? _readsClosed : _writesClosed).Fail(failure);
        }
    }

    private Exception Translate(Exception exception, CancellationToken cancellationToken)
    {
        if (IsDisposed)
        {
            return new ObjectDisposedException(GetType().FullName, exception);
        }

        if (exception is OperationCanceledException && cancellationToken.IsCancellationRequested)
        {
            return new OperationCanceledException(exception.Message, exception, cancellationToken);
        }

        NetworkException failure = NetworkErrors.Wrap(exception);
        NetworkException first = Interlocked.CompareExchange(ref _fault, failure, null) ?? failure;
        _readsClosed.Fail(first);
        _writesClosed.Fail(first);
        return failure;
    }
}
