using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace TunFlow.Network;

/// <summary>A dialer whose connections are plain sockets, so that somebody else may connect them just as well.</summary>
internal interface ISocketDialer
{
    /// <summary>Whom a dial would connect to, and with whose sockets. False if dialling runs code of the application's, or would be refused.</summary>
    bool TryGetTarget(IPEndPoint remote, [NotNullWhen(true)] out TcpDialer? dialer, [NotNullWhen(true)] out IPEndPoint? target);
}
