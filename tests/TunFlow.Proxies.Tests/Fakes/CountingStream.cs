namespace TunFlow.Proxies.Tests;

/// <summary>Counts what was read, and knows where its reader waits.</summary>
internal sealed class CountingStream(Stream inner) : DelegatingStream(inner)
{
    private int _read;
    private int _waitingAt = -1;

    /// <summary>How many bytes had been read when the read began that is pending, or -1 if none is.</summary>
    public int WaitingAt => Volatile.Read(ref _waitingAt);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Volatile.Write(ref _waitingAt, _read);
        int count = await base.ReadAsync(buffer, cancellationToken);
        Volatile.Write(ref _waitingAt, -1);
        _read += count;
        return count;
    }
}
