using System.Runtime.CompilerServices;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>Writing.</content>
internal sealed partial class LwipFlow
{
    /// <summary>The most that one call copies under the stack's lock.</summary>
    private const int LongestWrite = 64 * 1024;

    /// <inheritdoc/>
    public override bool CanWrite => !Volatile.Read(ref _disposed);

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Interlocked.CompareExchange(ref _writing, 1, 0) != 0)
            throw new InvalidOperationException("Another write is pending on this connection.");
        try
        {
            ThrowIfNotWritable();
            while (!buffer.IsEmpty)
            {
                int taken = TryWrite(buffer.Span);
                buffer = buffer[taken..];
                if (taken == 0)
                    await _writeSignal.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    private int TryWrite(ReadOnlySpan<byte> data)
    {
        ThrowIfNotWritable();
        int taken = _stack.Write(this, data[..Math.Min(data.Length, LongestWrite)]);
        if (taken < 0)
            throw ReadFailed(taken);
        return taken;
    }

    private void ThrowIfNotWritable()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), typeof(StreamConnection));
        if (Volatile.Read(ref _writesCompleted))
            throw new InvalidOperationException("The writes of this connection were completed.");
    }

    /// <inheritdoc/>
    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        if (Volatile.Read(ref _disposed))
            return ValueTask.FromException(new ObjectDisposedException(nameof(StreamConnection)));
        if (Interlocked.CompareExchange(ref _writing, 1, 0) != 0)
            return ValueTask.FromException(new InvalidOperationException("A write is pending on this connection."));
        try
        {
            if (!_writesCompleted)
            {
                int result = CompleteWrites();
                if (result < 0)
                    return ValueTask.FromException(ReadFailed(result));
            }

            return ValueTask.CompletedTask;
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    /// <summary>FIN after what was written. A negative result is a native status.</summary>
    public int CompleteWrites()
    {
        int result = _stack.CompleteWrites(this);
        if (result >= 0)
        {
            Volatile.Write(ref _writesCompleted, true);
            EndWrites();
        }

        return result;
    }

    /// <summary>For the relay: room for a write now; 0 means that <see cref="WaitWritableAsync"/> will tell.</summary>
    public int Writable()
    {
        int room = _stack.Writable(this);
        return room >= 0 ? room : throw Error(room);
    }

    public ValueTask WaitWritableAsync(CancellationToken cancellationToken) => _writeSignal.WaitAsync(cancellationToken);

    /// <summary>For the relay: hands over bytes that lie in a block of the stack. Returns how many were taken.</summary>
    public unsafe int WriteBlock(byte* block, byte* data, int length)
    {
        int taken = _stack.WriteBlock(this, block, data, length);
        return taken >= 0 ? taken : throw Error(taken);
    }

    /// <summary>For the relay: copies bytes. Returns how many were taken.</summary>
    public int WriteCopy(ReadOnlySpan<byte> data)
    {
        int taken = _stack.Write(this, data);
        return taken >= 0 ? taken : throw Error(taken);
    }

    /// <summary>Bytes per segment; 0 when the flow is gone.</summary>
    public int GetMss() => _stack.GetMss(this);

    public unsafe byte* AllocateBlock(int capacity) => _stack.AllocateBlock(capacity);
}
