namespace TunFlow.Network.Tests;

/// <summary>A stream whose writes wait for a task.</summary>
internal sealed class GatedStream(Stream inner) : DelegatingStream(inner)
{
    private readonly Stream _inner = inner;

    public Task Gate { get; set; } = Task.CompletedTask;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await Gate.WaitAsync(cancellationToken);
        await _inner.WriteAsync(buffer, cancellationToken);
    }
}
