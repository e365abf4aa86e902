namespace TunFlow.Network.Resolvers;

/// <summary>Asks name servers.</summary>
/// <remarks>Implementations allow concurrent calls.</remarks>
public interface IDnsResolver
{
    /// <summary>Asks one question.</summary>
    /// <param name="question">The question.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The answer, whatever its <see cref="DnsResponse.ResponseCode"/>: also "no such name" is an answer.</returns>
    /// <exception cref="DnsException">There was no answer; <see cref="DnsException.Stage"/> says how far it came and <see cref="NetworkException.Error"/> why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    ValueTask<DnsResponse> QueryAsync(DnsQuestion question, CancellationToken cancellationToken = default);
}
