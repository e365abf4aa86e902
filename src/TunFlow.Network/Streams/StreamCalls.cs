namespace TunFlow.Network;

/// <summary>What the calls of all own connections have in common.</summary>
internal static class StreamCalls
{
    /// <summary>Takes the place of the one call of its kind.</summary>
    /// <param name="busy">Not 0 while there is such a call; to be set to 0 at its end.</param>
    /// <param name="disposed">Not 0 once the connection was disposed.</param>
    /// <param name="owner">The connection.</param>
    /// <param name="message">What to say if there is one already.</param>
    public static void Enter(ref int busy, ref readonly int disposed, object owner, string message)
    {
        if (Interlocked.CompareExchange(ref busy, 1, 0) != 0)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(in disposed) != 0, owner);
            throw new InvalidOperationException(message);
        }

        // Disposal stores its flag before it looks at this one. A write that neither saw would be cut by an orderly end.
        if (Volatile.Read(in disposed) != 0)
        {
            Volatile.Write(ref busy, 0);
            throw new ObjectDisposedException(owner.GetType().FullName);
        }
    }

    /// <summary>Throws what broke the connection, as an exception of this call's.</summary>
    public static void ThrowIfFaulted(ref readonly NetworkException? fault)
    {
        if (Volatile.Read(in fault) is { } first)
        {
            throw new NetworkException(first.Error, first.Message, first);
        }
    }
}
