namespace TunFlow.Network;

/// <summary>Looks up the addresses of a host name and gives each result as soon as it is known, in any order.</summary>
/// <remarks>
/// The end of the enumeration says that no more addresses will come: until then a dialer that has only IPv4 addresses waits for better ones,
/// and one that has no address waits at all. Called once per dial, concurrently for several dials. An exception counts as the last result.
/// </remarks>
/// <param name="host">The name, never an address.</param>
/// <param name="cancellationToken">Cancelled when the caller gives up, and also when a connection is made and no more addresses are of use.</param>
public delegate IAsyncEnumerable<HappyEyeballsResolution> HappyEyeballsLookup(string host, CancellationToken cancellationToken);
