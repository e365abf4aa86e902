namespace TunFlow.Network.Resolvers;

internal sealed class FuncDnsResolver(Func<DnsQuestion, CancellationToken, ValueTask<DnsResponse>> query) : IDnsResolver
{
    public ValueTask<DnsResponse> QueryAsync(DnsQuestion question, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(question);
        return query(question, cancellationToken);
    }
}
