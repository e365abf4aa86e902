using System.Net;

namespace TunFlow.Network;

/// <summary>One result of looking up a name: addresses, or why there are none. A lookup gives as many of them as it asked questions.</summary>
public readonly record struct HappyEyeballsResolution
{
    private readonly IReadOnlyList<IPAddress>? _addresses;

    /// <summary>Creates a result.</summary>
    /// <param name="addresses">The addresses, best first; none if the name has none of the kind asked for.</param>
    public HappyEyeballsResolution(params IReadOnlyList<IPAddress> addresses)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        _addresses = addresses;
    }

    /// <summary>Creates the result of a lookup that failed.</summary>
    /// <param name="error">Why.</param>
    public HappyEyeballsResolution(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        Error = error;
    }

    /// <summary>The addresses, best first.</summary>
    public IReadOnlyList<IPAddress> Addresses => _addresses ?? [];

    /// <summary>Why this part of the lookup failed, or null.</summary>
    public Exception? Error { get; }
}
