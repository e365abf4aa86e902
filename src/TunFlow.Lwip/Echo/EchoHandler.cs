namespace TunFlow.Lwip;

/// <summary>Decides about an application's echo request, for instance by asking the remote host for real.</summary>
/// <param name="request">The request.</param>
/// <param name="cancellationToken">Cancelled when the device is closed or <see cref="LwipDeviceOptions.EchoTimeout"/> is over; the answer no longer matters then.</param>
/// <returns>The answer. A handler that throws, or takes too long, gives none, and is counted.</returns>
/// <remarks>
/// Called on thread-pool threads, concurrently, at most <see cref="LwipDeviceOptions.MaxPendingEchoes"/> at once; requests beyond that are dropped and
/// counted. A handler that opens a socket needs the tunnel's <see cref="Network.SocketConfigurator"/>, or its own ping comes back to it.
/// </remarks>
public delegate ValueTask<EchoAnswer> EchoHandler(EchoRequest request, CancellationToken cancellationToken);
