using System.Runtime.CompilerServices;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>Reading.</content>
internal sealed partial class LwipFlow
{
    /// <inheritdoc/>
    public override bool CanRead => !Volatile.Read(ref _disposed);

    /// <inheritdoc/>
    public override bool CanWaitForData => true;

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Interlocked.CompareExchange(ref _reading, 1, 0) != 0)
            throw new InvalidOperationException("Another read is pending on this connection.");
        try
        {
            while (true)
            {
                int read = TryRead(buffer.Span);
                if (read >= 0)
                    return read;
                await _readSignal.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    /// <summary>The bytes read, 0 at the end of the stream (or, for an empty buffer, when there are bytes), -1 when there is nothing yet.</summary>
    private unsafe int TryRead(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), typeof(StreamConnection));
        if (Volatile.Read(ref _readsAborted))
            return 0;

        Span<TfSlice> slices = stackalloc TfSlice[NativeMethods.TF_MAX_SLICES];
        int total = _stack.Borrow(this, slices, out int count, out bool end);
        if (total < 0)
            throw ReadFailed(total);
        if (total == 0)
        {
            if (end)
                EndReads();
            return end ? 0 : -1;
        }

        int copied = 0;
        foreach (ref readonly TfSlice slice in slices[..count])
        {
            int length = (int)Math.Min(slice.Length, (ulong)(buffer.Length - copied));
            new ReadOnlySpan<byte>(slice.Data, length).CopyTo(buffer[copied..]);
            copied += length;
        }

        _stack.ReturnBorrowed(this, copied);
        return copied;
    }

    /// <summary>For the relay: shows received bytes in place. Positive: return them with <see cref="ReturnBorrowed"/>. 0 with <paramref name="end"/>: the end. 0 without: wait for <see cref="WaitReadableAsync"/>. Negative: the flow broke, and everything received before was taken; no exception, as this is how many an application ends its connections.</summary>
    public int Borrow(Span<TfSlice> slices, out int count, out bool end) => _stack.Borrow(this, slices, out count, out end);

    /// <summary>Opens the window by the first bytes of a borrow, which goes on with those behind them.</summary>
    public void Consume(int length) => _stack.Consume(this, length);

    public void ReturnBorrowed(int consumed) => _stack.ReturnBorrowed(this, consumed);

    public ValueTask WaitReadableAsync(CancellationToken cancellationToken) => _readSignal.WaitAsync(cancellationToken);

    private Exception ReadFailed(int status)
    {
        // A concurrent Dispose gives the id back, which then is stale.
        if (Volatile.Read(ref _disposed))
            return new ObjectDisposedException(nameof(StreamConnection));
        return Error(status);
    }

    /// <inheritdoc/>
    public override void AbortReads()
    {
        if (Volatile.Read(ref _disposed))
            return;
        Volatile.Write(ref _readsAborted, true);
        _stack.Discard(this);
        _readSignal.Set();
        EndReads();
    }
}
