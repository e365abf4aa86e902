namespace TunFlow.Network.Tests;

/// <summary>A stream that does not heed tokens, and closes late if told to.</summary>
internal sealed class TokenBlindStream(Stream inner) : DelegatingStream(inner)
{
    private readonly Stream _inner = inner;

    public bool IgnoresDisposal { get; init; }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _inner.ReadAsync(buffer, CancellationToken.None);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => _inner.WriteAsync(buffer, CancellationToken.None);

    protected override void Dispose(bool disposing)
    {
        if (!IgnoresDisposal)
        {
            base.Dispose(disposing);
        }
    }
}
