using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using TunFlow.Network.Resolvers;

namespace TunFlow.Network;

/// <summary>Makes lookups for <see cref="HappyEyeballsStreamDialer"/> of simpler things.</summary>
public static class HappyEyeballsLookups
{
    /// <summary>Runs several lookups at the same time; each gives one result, in the order in which they finish.</summary>
    /// <param name="lookups">The lookups, started in this order: IPv6 first, as RFC 8305 section 3 asks. An exception becomes a result of its own.</param>
    public static HappyEyeballsLookup InParallel(params Func<string, CancellationToken, Task<IPAddress[]>>[] lookups)
    {
        ArgumentNullException.ThrowIfNull(lookups);
        ArgumentOutOfRangeException.ThrowIfZero(lookups.Length, nameof(lookups));
        foreach (Func<string, CancellationToken, Task<IPAddress[]>> lookup in lookups)
        {
            ArgumentNullException.ThrowIfNull(lookup, nameof(lookups));
        }

        Func<string, CancellationToken, Task<IPAddress[]>>[] all = [.. lookups];
        return (host, cancellationToken) => RunAsync(all, host, cancellationToken);
    }

    /// <summary>Asks a resolver for AAAA and A records at the same time.</summary>
    /// <param name="resolver">The resolver.</param>
    public static HappyEyeballsLookup FromResolver(IDnsResolver resolver)
    {
        ArgumentNullException.ThrowIfNull(resolver);
        return InParallel(
            (host, cancellationToken) => resolver.LookUpAddressesAsync(host, AddressFamily.InterNetworkV6, cancellationToken).AsTask(),
            (host, cancellationToken) => resolver.LookUpAddressesAsync(host, AddressFamily.InterNetwork, cancellationToken).AsTask());
    }

    private static async IAsyncEnumerable<HappyEyeballsResolution> RunAsync(
        Func<string, CancellationToken, Task<IPAddress[]>>[] lookups, string host, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Task<HappyEyeballsResolution>[] results = Array.ConvertAll(lookups, lookup => RunAsync(lookup, host, cancellationToken));
        await foreach (Task<HappyEyeballsResolution> result in Task.WhenEach(results).WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            yield return await result.ConfigureAwait(false);
        }
    }

    private static async Task<HappyEyeballsResolution> RunAsync(
        Func<string, CancellationToken, Task<IPAddress[]>> lookup, string host, CancellationToken cancellationToken)
    {
        try
        {
            return new HappyEyeballsResolution((IReadOnlyList<IPAddress>)await lookup(host, cancellationToken).ConfigureAwait(false));
        }
        catch (Exception exception)
        {
            return new HappyEyeballsResolution(exception);
        }
    }
}
