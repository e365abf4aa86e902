namespace TunFlow.Network;

/// <summary>Makes listeners of functions.</summary>
public static class PacketListener
{
    /// <summary>Makes a listener of a function.</summary>
    /// <param name="listen">Called for each socket, concurrently.</param>
    public static IPacketListener FromFunc(Func<CancellationToken, ValueTask<IPacketConnection>> listen)
    {
        ArgumentNullException.ThrowIfNull(listen);
        return new FuncPacketListener(listen);
    }
}
