namespace TunFlow.Network;

/// <content>The background: takes what was filled, writes it, ends the file.</content>
public sealed partial class PacketCapture
{
    private readonly CancellationTokenSource _abort = new();

    private void Stop()
    {
        bool wake;
        lock (_lock)
        {
            _stopping = true;
            wake = _signal.TakeWaiter();
        }

        if (wake)
        {
            _signal.Wake();
        }
    }

    private void Fail(Exception exception)
    {
        lock (_lock)
        {
            _error ??= exception;
        }

        Stop();
    }

    /// <summary>For a target that doesn't return: whoever waits goes on; the background ends when, and if, the target does.</summary>
    private void GiveUp(TimeoutException exception)
    {
        lock (_lock)
        {
            _error ??= exception;
        }

        End();
        _ = _abort.CancelAsync();
    }

    private void End()
    {
        TaskCompletionSource? flush, flushing;
        lock (_lock)
        {
            _filling = _spare = null;
            (flush, flushing) = (_flush, _flushing);
            _flush = _flushing = null;
        }

        Complete(flush);
        Complete(flushing);
        Complete(_completion);
    }

    private async Task RunAsync()
    {
        try
        {
            await WriteAllAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Disk full, pipe broken, whatever a stream may throw: it is the capture's end and nobody else's.
            Fail(exception);
        }

        try
        {
            if (_ownsTarget)
            {
                await _target.DisposeAsync().ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            Fail(exception);
        }

        End();
    }

    private async Task WriteAllAsync()
    {
        while (true)
        {
            byte[] buffer;
            int length, packets;
            bool flush, last;
            ValueTask wait = default;
            lock (_lock)
            {
                if (_filling is null)
                {
                    return; // given up
                }

                // Whoever asks for a flush from now on needs another one.
                _flushing = _flush;
                _flush = null;
                flush = _flushing is not null;
                last = _stopping;
                buffer = _filling;
                (length, packets) = (_filled, _filledPackets);
                if (length > 0)
                {
                    (_filling, _spare) = (_spare, _filling);
                    (_filled, _filledPackets) = (0, 0);
                }
                else if (!flush && !last)
                {
                    _signal.TryStartWait(out wait);
                }
            }

            if (length > 0)
            {
                await WriteAsync(buffer.AsMemory(0, length), packets).ConfigureAwait(false);
            }
            else if (last)
            {
                // A capture that its filter ended is a whole file, too. Closing it is a flush.
                await WriteAsync(PcapngBlocks.End(_started, Now(), GetStatistics()), 0).ConfigureAwait(false);
                await _target.FlushAsync(_abort.Token).ConfigureAwait(false);
                return;
            }
            else if (!flush)
            {
                await wait.ConfigureAwait(false);
            }

            if (flush)
            {
                await FlushTargetAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> blocks, int packets)
    {
        await _target.WriteAsync(blocks, _abort.Token).ConfigureAwait(false);
        lock (_lock)
        {
            _written += packets;
            _bytesWritten += blocks.Length;
        }
    }

    private async Task FlushTargetAsync()
    {
        await _target.FlushAsync(_abort.Token).ConfigureAwait(false);
        TaskCompletionSource? flushed;
        lock (_lock)
        {
            flushed = _flushing;
            _flushing = null;
        }

        flushed?.TrySetResult();
    }

    private void Complete(TaskCompletionSource? source)
    {
        if (source is null)
        {
            return;
        }

        Exception? error;
        lock (_lock)
        {
            error = _error;
        }

        if (error is null)
        {
            source.TrySetResult();
        }
        else if (source.TrySetException(error))
        {
            _ = source.Task.Exception; // observed: nobody has to look
        }
    }
}
