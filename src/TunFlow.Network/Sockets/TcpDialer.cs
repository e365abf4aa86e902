using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Dials TCP connections with the system's sockets.</summary>
/// <remarks>Immutable; any number of threads may dial at a time. A <see cref="DnsEndPoint"/> is resolved by the system, and its addresses, of both families, are tried in the order the system gives (RFC 6724). The configurator doesn't reach the system's resolver: a VPN client dials addresses, or names through <see cref="HappyEyeballsStreamDialer"/> with a resolver of its own.</remarks>
/// <param name="configurator">Prepares each socket before it is connected; null for the system's own choice of the way out.</param>
public sealed class TcpDialer(SocketConfigurator? configurator = null) : IStreamDialer, ISocketDialer
{
    private const int KeepAliveProbes = 4;
    private static readonly TimeSpan s_keepAliveInterval = TimeSpan.FromSeconds(15);

    // The longest time of a timer.
    private static readonly TimeSpan s_longestTimeout = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private readonly TimeSpan _attemptTimeout = TimeSpan.FromSeconds(5);
    private readonly TimeSpan _keepAlive = TimeSpan.FromSeconds(60);
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>Whether Nagle's algorithm is off; true by default, as the bytes come from a stack that gathered them already.</summary>
    public bool NoDelay { get; init; } = true;

    /// <summary>How long one address of a name is tried before the next one; 5 seconds by default. The last address, and an endpoint that is an address, have the system's own limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive, or longer than 49 days.</exception>
    public TimeSpan AttemptTimeout
    {
        get => _attemptTimeout;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, s_longestTimeout);
            _attemptTimeout = value;
        }
    }

    /// <summary>How long a connection is silent before the system asks whether the peer is still there; 60 seconds by default, in whole seconds, zero for never. A peer that is gone is noticed a minute later.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public TimeSpan KeepAlive
    {
        get => _keepAlive;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            _keepAlive = value;
        }
    }

    /// <summary>The clock of <see cref="AttemptTimeout"/>; <see cref="TimeProvider.System"/> by default.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            _timeProvider = value;
        }
    }

    /// <inheritdoc/>
    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(remote);
        return remote switch
        {
            IPEndPoint address => ConnectAsync(address, cancellationToken),
            DnsEndPoint name => ConnectAsync(name, cancellationToken),
            _ => throw SocketEndPoints.Unsupported(remote),
        };
    }

    private async ValueTask<StreamConnection> ConnectAsync(DnsEndPoint name, CancellationToken cancellationToken)
    {
        IPAddress[] addresses = await SocketEndPoints.ResolveAsync(name, cancellationToken).ConfigureAwait(false);
        List<NetworkException> failures = [];
        for (int i = 0; i < addresses.Length; i++)
        {
            TimeSpan limit = i < addresses.Length - 1 ? AttemptTimeout : Timeout.InfiniteTimeSpan;
            using CancellationTokenSource timeout = new(limit, TimeProvider);
            using CancellationTokenSource attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
            try
            {
                return await ConnectAsync(new IPEndPoint(addresses[i], name.Port), attempt.Token).ConfigureAwait(false);
            }
            catch (NetworkException exception)
            {
                failures.Add(exception);
            }
            catch (OperationCanceledException exception)
            {
                cancellationToken.ThrowIfCancellationRequested();
                failures.Add(new NetworkException(NetworkError.TimedOut, $"{addresses[i]} did not answer within {limit}.", exception));
            }
        }

        // The first address is the one the system prefers: its error says more than that of a last resort.
        throw failures[0];
    }

    private async ValueTask<StreamConnection> ConnectAsync(IPEndPoint remote, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        remote = SocketEndPoints.Unmap(remote);

        Socket? socket = null;
        try
        {
            socket = CreateSocket(remote);
            await socket.ConnectAsync(remote, cancellationToken).ConfigureAwait(false);
            // What has no address of its own is answered by whom the system chooses.
            bool isKnown = !remote.Address.Equals(IPAddress.Any) && !remote.Address.Equals(IPAddress.IPv6Any);
            return new SocketStreamConnection(socket, isKnown ? remote : null);
        }
        catch (Exception exception)
        {
            socket?.Dispose();
            if (exception is OperationCanceledException && cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(exception.Message, exception, cancellationToken);
            }

            throw Failed(remote, exception);
        }
    }

    bool ISocketDialer.TryGetTarget(IPEndPoint remote, [NotNullWhen(true)] out TcpDialer? dialer, [NotNullWhen(true)] out IPEndPoint? target)
    {
        dialer = this;
        target = SocketEndPoints.Unmap(remote);
        return SocketConfigurators.IsOwn(configurator);
    }

    /// <summary>A socket with all that is set before it is connected. Blocking.</summary>
    internal Socket CreateSocket(IPEndPoint remote)
    {
        Socket socket = new(remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.NoDelay = NoDelay;
            SetKeepAlive(socket);
            configurator?.Invoke(socket, remote);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>What to throw for a failure to connect.</summary>
    internal static NetworkException Failed(IPEndPoint remote, Exception exception)
    {
        // A kernel without the address family has no way to any address of it.
        NetworkError error = exception is SocketException { SocketErrorCode: SocketError.AddressFamilyNotSupported }
            ? NetworkError.NetworkUnreachable
            : NetworkErrors.Classify(exception);
        return new NetworkException(error, $"Connecting to {remote} failed: {exception.Message}", exception);
    }

    private void SetKeepAlive(Socket socket)
    {
        if (KeepAlive > TimeSpan.Zero)
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, (int)Math.Clamp(Math.Ceiling(KeepAlive.TotalSeconds), 1, short.MaxValue));
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, (int)s_keepAliveInterval.TotalSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, KeepAliveProbes);
        }
    }
}
