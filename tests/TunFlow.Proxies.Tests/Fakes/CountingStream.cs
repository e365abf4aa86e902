namespace TunFlow.Proxies.Tests;

/// <summary>Counts what was read.</summary>
internal sealed class CountingStream(Stream inner) : DelegatingStream(inner)
{
    private int _read;

    public int BytesRead => Volatile.Read(ref _read);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await base.ReadAsync(buffer, cancellationToken);
        Interlocked.Add(ref _read, count);
        return count;
    }
}
