using System.Net;

namespace TunFlow.Network;

/// <summary>Opens connected datagram sockets by way of a listener's unconnected ones: what others than the peer send is dropped and counted.</summary>
/// <remarks>Safe from any thread; any number of threads may dial at a time. An IPv4 address and its IPv4-mapped IPv6 form are the same peer.</remarks>
/// <param name="listener">Opens the sockets. One per dialled peer, disposed with it.</param>
public sealed class PacketListenerDialer(IPacketListener listener) : IPacketDialer
{
    private readonly IPacketListener _listener = listener ?? throw new ArgumentNullException(nameof(listener));
    private readonly Func<DnsEndPoint, CancellationToken, ValueTask<IPEndPoint>> _resolve = ResolveBySystemAsync;
    private long _foreignDatagrams;

    /// <summary>Finds the address of a name, as a listener's sockets send to addresses only. By default the system resolves it, which tells whoever serves the system's names about it, even if the listener leads through a proxy; <see cref="Resolvers.DnsResolver.LookUpAddressesAsync(Resolvers.IDnsResolver, string, CancellationToken)"/> asks somebody else.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Func<DnsEndPoint, CancellationToken, ValueTask<IPEndPoint>> Resolve
    {
        get => _resolve;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            _resolve = value;
        }
    }

    /// <summary>How many datagrams all sockets of this dialer dropped because they came from others than the peer.</summary>
    public long ForeignDatagrams => Interlocked.Read(ref _foreignDatagrams);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="remote"/> is neither an <see cref="IPEndPoint"/> nor a <see cref="DnsEndPoint"/>.</exception>
    /// <exception cref="NetworkException">The socket could not be opened; <see cref="NetworkError.AddressNotAvailable"/> if <paramref name="remote"/> is the unspecified address or its port is 0. No socket was opened for a remote that is wrong or not found.</exception>
    public async ValueTask<IConnectedPacketConnection> DialPacketAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        SocketEndPoints.RequireHostAndPort(remote);
        cancellationToken.ThrowIfCancellationRequested();
        IPEndPoint peer = SocketEndPoints.Unmap(remote as IPEndPoint ?? await Resolve((DnsEndPoint)remote, cancellationToken).ConfigureAwait(false));
        SocketEndPoints.ThrowIfNobody(peer);
        IPacketConnection connection = await _listener.ListenPacketAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new ListenerPacketConnection(connection, peer, this);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    internal void CountForeignDatagram() => Interlocked.Increment(ref _foreignDatagrams);

    private static async ValueTask<IPEndPoint> ResolveBySystemAsync(DnsEndPoint name, CancellationToken cancellationToken) =>
        new((await SocketEndPoints.ResolveAsync(name, cancellationToken).ConfigureAwait(false))[0], name.Port);
}
