namespace TunFlow.Network.Relays;

/// <summary>What the relays agree on: which errors end an association, and which timeouts make sense.</summary>
internal static class AssociationErrors
{
    // What timers can wait is about 49 days.
    private static readonly TimeSpan s_longestTimeout = TimeSpan.FromDays(30);

    public static bool IsEnd(Exception exception) => exception is ObjectDisposedException or NetworkException { Error: NetworkError.Closed };

    public static NetworkException Closed(Exception? cause = null) =>
        cause is NetworkException { Error: NetworkError.Closed } closed ? closed : new NetworkException(NetworkError.Closed, "The packet association has ended.", cause);

    public static ObjectDisposedException Disposed() => new(nameof(IPacketAssociation));

    public static TimeSpan CheckTimeout(TimeSpan timeout)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(timeout, s_longestTimeout);
        return timeout;
    }
}
