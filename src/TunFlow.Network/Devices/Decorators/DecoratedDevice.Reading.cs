using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <content>Reads. Those of an owned device are the device's own; those of a borrowed one must end without it.</content>
internal sealed partial class DecoratedDevice
{
    private static readonly Action<object?> s_cancelRead = static state => ((DecoratedDevice)state!).CancelRead();

    // For borrowed devices only. The lock guards the three fields; the source lives as long as no read was cancelled by it.
    private readonly Lock _readLock = new();
    private CancellationTokenSource? _readCancel;
    private TaskCompletionSource? _readEnd;
    private bool _reading;

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            if (_owns)
            {
                return _device.ReadAsync(buffer, cancellationToken);
            }

            if (cancellationToken.IsCancellationRequested)
            {
                return ValueTask.FromCanceled<int>(cancellationToken);
            }

            ArgumentOutOfRangeException.ThrowIfZero(buffer.Length, nameof(buffer));
            return TryBeginRead(out CancellationToken readToken) ? ReadBorrowedAsync(buffer, readToken, cancellationToken) : ValueTask.FromResult(0);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException<int>(exception);
        }
    }

    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken)
    {
        if (_batch is null)
        {
            return ReadOneAsync(packets, cancellationToken);
        }

        try
        {
            if (_owns)
            {
                return _batch.ReadBatchAsync(packets, cancellationToken);
            }

            if (cancellationToken.IsCancellationRequested)
            {
                return ValueTask.FromCanceled<int>(cancellationToken);
            }

            ArgumentOutOfRangeException.ThrowIfZero(packets.Length, nameof(packets));
            return TryBeginRead(out CancellationToken readToken) ? ReadBatchBorrowedAsync(_batch, packets, readToken, cancellationToken) : ValueTask.FromResult(0);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException<int>(exception);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadOneAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(packets.Length, nameof(packets));
        int length = await ReadAsync(packets.Span[0].Memory, cancellationToken).ConfigureAwait(false);
        if (length == 0)
        {
            return 0;
        }

        packets.Span[0].Length = length;
        packets.Span[0].Offload = default;
        return 1;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadBorrowedAsync(Memory<byte> buffer, CancellationToken readToken, CancellationToken cancellationToken)
    {
        try
        {
            using (cancellationToken.UnsafeRegister(s_cancelRead, this))
            {
                return await _device.ReadAsync(buffer, readToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (readToken.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return 0; // taken back: the decorator was disposed
        }
        finally
        {
            EndRead();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadBatchBorrowedAsync(
        IBatchIPDevice device, Memory<PacketBuffer> packets, CancellationToken readToken, CancellationToken cancellationToken)
    {
        try
        {
            using (cancellationToken.UnsafeRegister(s_cancelRead, this))
            {
                return await device.ReadBatchAsync(packets, readToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (readToken.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return 0;
        }
        finally
        {
            EndRead();
        }
    }

    /// <summary>False if the decorator is disposed.</summary>
    private bool TryBeginRead(out CancellationToken token)
    {
        lock (_readLock)
        {
            token = default;
            if (IsDisposed)
            {
                return false;
            }

            if (_reading)
            {
                throw new InvalidOperationException("Another read is pending.");
            }

            if (_readCancel is null or { IsCancellationRequested: true })
            {
                _readCancel?.Dispose();
                _readCancel = new CancellationTokenSource();
            }

            _reading = true;
            token = _readCancel.Token;
            return true;
        }
    }

    private void EndRead()
    {
        TaskCompletionSource? end;
        lock (_readLock)
        {
            _reading = false;
            end = _readEnd;
        }

        end?.TrySetResult();
    }

    private void CancelRead()
    {
        CancellationTokenSource? cancel;
        lock (_readLock)
        {
            cancel = _reading ? _readCancel : null;
        }

        // Outside the lock: the device's callbacks run in here.
        cancel?.Cancel();
    }

    private async ValueTask TakeBackReadAsync()
    {
        CancellationTokenSource? cancel;
        Task end = Task.CompletedTask;
        lock (_readLock)
        {
            cancel = _readCancel;
            if (_reading)
            {
                _readEnd = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                end = _readEnd.Task;
            }
        }

        if (cancel is not null)
        {
            await cancel.CancelAsync().ConfigureAwait(false);
            await end.ConfigureAwait(false);
            cancel.Dispose();
        }
    }
}
