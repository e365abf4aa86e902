using System.Net;

namespace TunFlow.Network;

/// <summary>Makes fixed destinations of functions and dialers.</summary>
public static class StreamEndpoint
{
    /// <summary>Makes an endpoint of a function.</summary>
    /// <param name="connect">Called for each connection, concurrently.</param>
    public static IStreamEndpoint FromFunc(Func<CancellationToken, ValueTask<StreamConnection>> connect)
    {
        ArgumentNullException.ThrowIfNull(connect);
        return new FuncStreamEndpoint(connect);
    }

    /// <summary>Makes an endpoint that dials always the same.</summary>
    /// <param name="dialer">Dials. Not disposed by the endpoint, which has nothing to dispose.</param>
    /// <param name="remote">What is dialled; a name goes to the dialer as it is, each time.</param>
    public static IStreamEndpoint FromDialer(IStreamDialer dialer, EndPoint remote)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        ArgumentNullException.ThrowIfNull(remote);
        return new FuncStreamEndpoint(cancellationToken => dialer.DialStreamAsync(remote, cancellationToken));
    }
}
