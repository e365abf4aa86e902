using System.Net;
using Microsoft.Extensions.Logging;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>What a device writes to its log. Endpoints and errors, never payload; nothing is written per packet.</summary>
internal static partial class LwipLog
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Debug, Message = "Dialling {Destination} for {Source} failed: {Error}.")]
    public static partial void DialFailed(ILogger logger, IPEndPoint source, IPEndPoint destination, NetworkError error, Exception exception);

    [LoggerMessage(EventId = 2, Level = LogLevel.Debug, Message = "Dialling {Destination} for {Source} took longer than {Limit}.")]
    public static partial void DialTimedOut(ILogger logger, IPEndPoint source, IPEndPoint destination, TimeSpan limit);

    [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "A dialer, packet proxy or policy of the application failed with an exception that is no network error.")]
    public static partial void UnexpectedException(ILogger logger, Exception exception);

    [LoggerMessage(EventId = 4, Level = LogLevel.Debug, Message = "The policy refused {Source} to {Destination}.")]
    public static partial void PolicyRefused(ILogger logger, IPEndPoint source, IPEndPoint destination);

    [LoggerMessage(EventId = 5, Level = LogLevel.Warning, Message = "The policy gave no decision for {Source} to {Destination}; the flow is refused.")]
    public static partial void PolicyFailed(ILogger logger, IPEndPoint source, IPEndPoint destination, Exception exception);

    [LoggerMessage(EventId = 6, Level = LogLevel.Debug, Message = "The packet proxy opened no session for {Source}: {Error}.")]
    public static partial void SessionFailed(ILogger logger, IPEndPoint source, NetworkError error, Exception exception);

    [LoggerMessage(EventId = 7, Level = LogLevel.Information, Message = "The dialer was replaced; existing flows: {Existing}.")]
    public static partial void DialerReplaced(ILogger logger, ExistingFlows existing);

    [LoggerMessage(EventId = 8, Level = LogLevel.Information, Message = "The packet proxy was replaced; existing sessions: {Existing}.")]
    public static partial void PacketProxyReplaced(ILogger logger, ExistingFlows existing);

    [LoggerMessage(EventId = 10, Level = LogLevel.Warning, Message = "The tunnel's own connection to {Destination} came back in from {Source}: the proxy's sockets are routed into the TUN. Bind them to the uplink (SocketConfigurators). This is said once; such flows are refused.")]
    public static partial void LoopDetected(ILogger logger, IPEndPoint source, IPEndPoint destination);

    [LoggerMessage(EventId = 11, Level = LogLevel.Debug, Message = "The handler of echo requests gave no answer: {Error}.")]
    public static partial void EchoFailed(ILogger logger, NetworkError error, Exception exception);

    [LoggerMessage(EventId = 9, Level = LogLevel.Warning, Message = "The device is closed, but a dialer, stream or packet proxy of the application has not returned; what it holds stays allocated until it does.")]
    public static partial void StragglersAtDisposal(ILogger logger);
}
