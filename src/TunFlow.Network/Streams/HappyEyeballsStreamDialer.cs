using System.Net;
using System.Net.Sockets;
using TunFlow.Network.Resolvers;

namespace TunFlow.Network;

/// <summary>Dials host names by Happy Eyeballs version 2 (RFC 8305): the addresses of both families, as they become known, compete for the connection.</summary>
/// <remarks>
/// <para>Addresses of one family are tried in the order in which the lookup gives them; they are not sorted by RFC 6724, as the routes that this
/// sorting asks for are those of this host, and the dialer may be a proxy far away.</para>
/// <para>The connection that is made first wins. All other attempts are cancelled, and what they still bring is disposed. Immutable; any
/// number of threads may dial at a time, if the dialer and the lookup allow it.</para>
/// </remarks>
public sealed class HappyEyeballsStreamDialer : IStreamDialer
{
    private readonly IStreamDialer _dialer;
    private readonly HappyEyeballsLookup _lookup;
    private readonly HappyEyeballsOptions _options;

    /// <summary>Creates a dialer.</summary>
    /// <param name="dialer">Makes the connections. It only gets <see cref="IPEndPoint"/>s.</param>
    /// <param name="lookup">Looks names up.</param>
    /// <param name="options">The timing.</param>
    public HappyEyeballsStreamDialer(IStreamDialer dialer, HappyEyeballsLookup lookup, HappyEyeballsOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        ArgumentNullException.ThrowIfNull(lookup);
        _dialer = dialer;
        _lookup = lookup;
        _options = options ?? new HappyEyeballsOptions();
    }

    /// <summary>Creates a dialer that asks a resolver for AAAA and A records at the same time.</summary>
    /// <param name="dialer">Makes the connections. It only gets <see cref="IPEndPoint"/>s.</param>
    /// <param name="resolver">Looks names up.</param>
    /// <param name="options">The timing.</param>
    public HappyEyeballsStreamDialer(IStreamDialer dialer, IDnsResolver resolver, HappyEyeballsOptions? options = null)
        : this(dialer, HappyEyeballsLookups.FromResolver(resolver), options)
    {
    }

    /// <summary>Connects to an endpoint. An address, also one written as the name of a <see cref="DnsEndPoint"/>, is dialled without a lookup.</summary>
    /// <param name="remote">An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>; of the latter's addresses only those of its family are used, if it says one.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="NetworkException">
    /// No attempt succeeded: the error is that of the first address tried, and the inner exception, an <see cref="AggregateException"/> if there are several, has the rest.
    /// If there was nothing to try, as for an address that is not of the endpoint's family, <see cref="NetworkError.NameNotResolved"/> with the lookup's errors.
    /// </exception>
    /// <exception cref="ArgumentException"><paramref name="remote"/> is an endpoint of another kind.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(remote);
        switch (remote)
        {
            case IPEndPoint:
                return _dialer.DialStreamAsync(remote, cancellationToken);
            case DnsEndPoint name when AddressLiteral.TryRead(name.Host) is { } address:
                if (name.AddressFamily != AddressFamily.Unspecified && name.AddressFamily != address.AddressFamily)
                {
                    throw new NetworkException(NetworkError.NameNotResolved, $"{name.Host} is not an {name.AddressFamily} address.");
                }

                return _dialer.DialStreamAsync(new IPEndPoint(address, name.Port), cancellationToken);
            case DnsEndPoint name:
                return cancellationToken.IsCancellationRequested
                    ? ValueTask.FromCanceled<StreamConnection>(cancellationToken)
                    : new HappyEyeballsDial(_dialer, _lookup, _options, name, cancellationToken).RunAsync();
            default:
                throw new ArgumentException($"Happy Eyeballs can't connect to a {remote.GetType().Name}.", nameof(remote));
        }
    }
}
