using System.Net;

namespace TunFlow.Network;

/// <summary>One attempt to connect. Its token is its own: cancelling the losers must not touch the winner.</summary>
internal sealed class HappyEyeballsAttempt(int index, IPEndPoint remote, CancellationToken cancellationToken)
{
    /// <summary>The place in the order of starts, from 1.</summary>
    public int Index { get; } = index;

    public IPEndPoint Remote { get; } = remote;

    public CancellationTokenSource Cancellation { get; } = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
}
