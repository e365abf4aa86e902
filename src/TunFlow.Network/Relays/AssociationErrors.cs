namespace TunFlow.Network.Relays;

/// <summary>What the relays agree on: which errors end an association, and what a call gets afterwards.</summary>
internal static class AssociationErrors
{
    public static bool IsEnd(Exception exception) => exception is ObjectDisposedException or NetworkException { Error: NetworkError.Closed };

    public static NetworkException Closed(Exception? cause = null) =>
        cause is NetworkException { Error: NetworkError.Closed } closed ? closed : new NetworkException(NetworkError.Closed, "The packet association has ended.", cause);

    public static ObjectDisposedException Disposed() => new(nameof(IPacketAssociation));
}
