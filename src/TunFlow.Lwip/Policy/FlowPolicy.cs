namespace TunFlow.Lwip;

/// <summary>Decides what becomes of a flow before its SYN, or its first datagram, is answered.</summary>
/// <param name="flow">The flow.</param>
/// <param name="cancellationToken">Cancelled when the application gave up, the device is closed, or <see cref="LwipDeviceOptions.DialTimeout"/> is over; the decision no longer matters then.</param>
/// <returns>The decision. A policy that throws, or takes too long, refuses the flow.</returns>
/// <remarks>
/// Called on thread-pool threads, concurrently, once for each TCP connection attempt (retransmitted SYNs don't ask again) and once for each
/// remote endpoint of a UDP session. Datagrams of one session wait for a pending decision in their order.
/// </remarks>
public delegate ValueTask<FlowDecision> FlowPolicy(FlowInfo flow, CancellationToken cancellationToken);
