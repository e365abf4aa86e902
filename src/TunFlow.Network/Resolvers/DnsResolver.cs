using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network.Resolvers;

/// <summary>Makes resolvers of functions, and addresses of names.</summary>
public static class DnsResolver
{
    /// <summary>Makes a resolver of a function.</summary>
    /// <param name="query">Called for each question, concurrently.</param>
    public static IDnsResolver FromFunc(Func<DnsQuestion, CancellationToken, ValueTask<DnsResponse>> query)
    {
        ArgumentNullException.ThrowIfNull(query);
        return new FuncDnsResolver(query);
    }

    /// <summary>Looks up the addresses of one family.</summary>
    /// <param name="resolver">The resolver.</param>
    /// <param name="host">The name; an address is its own result, and nobody is asked.</param>
    /// <param name="family">IPv4 or IPv6.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The addresses in the server's order; none if the name exists and has none of this family.</returns>
    /// <exception cref="DnsException">
    /// There was no answer, or the answer is not success: then the error is <see cref="NetworkError.NameNotResolved"/> and <see cref="DnsException.ResponseCode"/> says more.
    /// A host that can't be a domain name is <see cref="DnsStage.Request"/>.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static async ValueTask<IPAddress[]> LookUpAddressesAsync(
        this IDnsResolver resolver, string host, AddressFamily family, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(resolver);
        ArgumentNullException.ThrowIfNull(host);
        DnsRecordType type = family switch
        {
            AddressFamily.InterNetwork => DnsRecordType.A,
            AddressFamily.InterNetworkV6 => DnsRecordType.Aaaa,
            _ => throw new ArgumentOutOfRangeException(nameof(family)),
        };
        if (AddressLiteral.TryRead(host) is { } literal)
        {
            return literal.AddressFamily == family ? [literal] : [];
        }

        DnsQuestion question = ToQuestion(host, type);
        DnsResponse response = await resolver.QueryAsync(question, cancellationToken).ConfigureAwait(false);
        if (response.ResponseCode != DnsResponseCode.NoError)
        {
            throw new DnsException(DnsStage.Response, NetworkError.NameNotResolved, $"The server answered {response.ResponseCode} for {question}.")
            {
                ResponseCode = response.ResponseCode,
            };
        }

        IPAddress[] addresses = response.GetAddresses();
        return addresses.Length == 0 && response.IsTruncated
            ? throw new DnsException(DnsStage.Response, NetworkError.NameNotResolved, $"The answer for {question} was cut off.")
            : addresses;
    }

    /// <summary>Looks up the addresses of both families at the same time.</summary>
    /// <param name="resolver">The resolver.</param>
    /// <param name="host">The name; an address is its own result, and nobody is asked.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The IPv6 addresses, then the IPv4 ones; none if the name exists and has none.</returns>
    /// <exception cref="DnsException">A lookup failed, and the other one found nothing.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static async ValueTask<IPAddress[]> LookUpAddressesAsync(this IDnsResolver resolver, string host, CancellationToken cancellationToken = default)
    {
        Task<IPAddress[]> v6 = resolver.LookUpAddressesAsync(host, AddressFamily.InterNetworkV6, cancellationToken).AsTask();
        Task<IPAddress[]> v4 = resolver.LookUpAddressesAsync(host, AddressFamily.InterNetwork, cancellationToken).AsTask();
        await ((Task)Task.WhenAll(v6, v4)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        IPAddress[] found = [.. v6.IsCompletedSuccessfully ? v6.Result : [], .. v4.IsCompletedSuccessfully ? v4.Result : []];
        if (found.Length == 0)
        {
            await Task.WhenAll(v6, v4).ConfigureAwait(false);
        }

        return found;
    }

    private static DnsQuestion ToQuestion(string host, DnsRecordType type)
    {
        try
        {
            return new DnsQuestion(host, type);
        }
        catch (ArgumentException exception)
        {
            // Hosts come from users and from the net: a bad one is a name without addresses, not a mistake of the program.
            throw new DnsException(DnsStage.Request, NetworkError.NameNotResolved, $"'{host}' is not a domain name.", exception);
        }
    }
}
