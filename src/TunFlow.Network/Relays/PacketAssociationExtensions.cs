namespace TunFlow.Network.Relays;

/// <summary>What can be done with any <see cref="IPacketAssociation"/>.</summary>
public static class PacketAssociationExtensions
{
    /// <summary>Receives datagrams, one after the other, until the association ends. The loop is the returned task and nothing else.</summary>
    /// <param name="association">The association. Not disposed, whatever happens.</param>
    /// <param name="handler">Gets each datagram; the next one is received when it is done. An exception of it ends the loop and reaches the caller; the loop can be started again.</param>
    /// <param name="unreachable">Gets the reports of destinations that did not get an earlier datagram (see <see cref="NetworkException.Destination"/>), or null to pass over them.</param>
    /// <param name="cancellationToken">Ends the loop; no datagram is lost.</param>
    /// <returns>A task that completes when the association has ended, by disposal or by itself.</returns>
    /// <remarks>Datagrams that the transport cut are passed over. While nothing comes the loop holds no buffer.</remarks>
    /// <exception cref="NetworkException">The association failed to receive, other than by ending; what the error means is the association's to say.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static Task ReceivePacketsAsync(
        this IPacketAssociation association,
        PacketHandler handler,
        Func<NetworkException, ValueTask>? unreachable = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(association);
        ArgumentNullException.ThrowIfNull(handler);
        return ReceiveLoopAsync(association, handler, unreachable, cancellationToken);
    }

    private static async Task ReceiveLoopAsync(
        IPacketAssociation association,
        PacketHandler handler,
        Func<NetworkException, ValueTask>? unreachable,
        CancellationToken cancellationToken)
    {
        byte[]? block = null;
        try
        {
            while (true)
            {
                ReceivedDatagram datagram;
                NetworkException? report = null;
                try
                {
                    ValueTask<ReceivedDatagram> wait = association.ReceivePacketAsync(Memory<byte>.Empty, cancellationToken);
                    if (!wait.IsCompleted && block is not null)
                    {
                        BlockPool.Return(block);
                        block = null;
                    }

                    await wait.ConfigureAwait(false);
                    block ??= BlockPool.Rent();
                    datagram = await association.ReceivePacketAsync(block, cancellationToken).ConfigureAwait(false);
                }
                catch (NetworkException exception) when (exception.Destination is not null)
                {
                    datagram = default;
                    report = exception;
                }
                catch (Exception exception) when (AssociationErrors.IsEnd(exception))
                {
                    return;
                }

                // Foreign code runs out here, so that no exception of its own is taken for one of the association.
                if (datagram is { Source: { } source, Truncated: false })
                {
                    await handler(block.AsMemory(0, datagram.Length), source, cancellationToken).ConfigureAwait(false);
                }
                else if (report is not null && unreachable is not null)
                {
                    await unreachable(report).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            if (block is not null)
            {
                BlockPool.Return(block);
            }
        }
    }
}
