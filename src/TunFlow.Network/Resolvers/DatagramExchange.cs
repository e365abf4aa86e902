namespace TunFlow.Network.Resolvers;

/// <summary>Queries over datagrams: sends, waits for the answer among whatever comes, and sends again.</summary>
internal sealed class DatagramExchange(IConnectedPacketConnection connection, QueryScope scope, TimeProvider timeProvider, TimeSpan retransmitDelay)
{
    private static readonly TimeSpan s_maxDelay = TimeSpan.FromMilliseconds(int.MaxValue);

    /// <summary>Returns the answer, or throws at the scope's end.</summary>
    public async ValueTask<DnsResponse> RunAsync(DnsQueryMessage query)
    {
        byte[] buffer = BlockPool.Rent();
        try
        {
            TimeSpan delay = retransmitDelay;
            while (true)
            {
                scope.Stage = DnsStage.Send;
                await connection.SendAsync(query.Message, scope.Token).ConfigureAwait(false);
                scope.Stage = DnsStage.Receive;
                if (await ReceiveAsync(query, buffer, delay).ConfigureAwait(false) is { } response)
                {
                    return response;
                }

                delay = delay < s_maxDelay / 2 ? delay * 2 : s_maxDelay;
            }
        }
        finally
        {
            // No receive is pending here: each was waited for.
            BlockPool.Return(buffer);
        }
    }

    private async ValueTask<DnsResponse?> ReceiveAsync(DnsQueryMessage query, byte[] buffer, TimeSpan delay)
    {
        using TimeLimit again = new(delay, timeProvider);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(scope.Token, again.Token);
        try
        {
            while (true)
            {
                // A flood may keep a connection from ever looking at its token.
                either.Token.ThrowIfCancellationRequested();
                ReceivedDatagram datagram = await connection.ReceiveAsync(buffer, either.Token).ConfigureAwait(false);
                if (!datagram.Truncated && DnsResponseParser.TryParse(buffer.AsSpan(0, datagram.Length), query, out DnsResponse? response, out _))
                {
                    return response;
                }
            }
        }
        catch (OperationCanceledException) when (!scope.Token.IsCancellationRequested && again.HasPassed)
        {
            return null;
        }
    }
}
