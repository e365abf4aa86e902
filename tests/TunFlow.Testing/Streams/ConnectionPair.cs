using TunFlow.Network;

namespace TunFlow.Testing;

/// <summary>Two connected ends. Disposes both, and what carries them.</summary>
/// <param name="subject">The connection under test.</param>
/// <param name="peer">The other end. It must be able to half-close, to reset, and to see a reset.</param>
/// <param name="carrier">What is disposed after both, or null.</param>
public sealed class ConnectionPair(StreamConnection subject, StreamConnection peer, IAsyncDisposable? carrier = null) : IAsyncDisposable
{
    /// <summary>The connection under test.</summary>
    public StreamConnection Subject { get; } = subject;

    /// <summary>The other end.</summary>
    public StreamConnection Peer { get; } = peer;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Subject.DisposeAsync().ConfigureAwait(false);
        await Peer.DisposeAsync().ConfigureAwait(false);
        if (carrier is not null)
        {
            await carrier.DisposeAsync().ConfigureAwait(false);
        }
    }
}
