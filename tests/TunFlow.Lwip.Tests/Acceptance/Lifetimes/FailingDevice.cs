using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>A device whose reads and writes fail when they are told to.</summary>
internal sealed class FailingDevice(MemoryDevice inner) : IIPDevice
{
    private readonly CancellationTokenSource _failed = new();
    private Func<Exception>? _readFailure;
    private int _failedReads;
    private int _failedWrites;
    private int _writes;

    public int Mtu => inner.Mtu;

    /// <summary>Called with the number of the write; what it returns is thrown.</summary>
    public Func<int, Exception?>? OnWrite { get; set; }

    public int FailedReads => Volatile.Read(ref _failedReads);

    public int FailedWrites => Volatile.Read(ref _failedWrites);

    /// <summary>The pending read fails, and <paramref name="failures"/> - 1 after it; then reads go on as before.</summary>
    public void FailReads(int failures, Func<Exception> failure)
    {
        FailuresLeft = failures;
        _readFailure = failure;
        _failed.Cancel();
    }

    private int FailuresLeft { get; set; }

    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_failed.IsCancellationRequested)
        {
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _failed.Token);
            try
            {
                return await inner.ReadAsync(buffer, either.Token);
            }
            catch (OperationCanceledException) when (_failed.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                // Told to fail.
            }
        }

        if (FailuresLeft-- <= 0)
            return await inner.ReadAsync(buffer, cancellationToken);
        Interlocked.Increment(ref _failedReads);
        throw _readFailure!();
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
    {
        if (OnWrite?.Invoke(Interlocked.Increment(ref _writes)) is not { } failure)
            return inner.WriteAsync(packet, cancellationToken);
        Interlocked.Increment(ref _failedWrites);
        return ValueTask.FromException(failure);
    }

    public async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        _failed.Dispose();
    }
}
