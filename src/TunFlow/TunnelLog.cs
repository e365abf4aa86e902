using Microsoft.Extensions.Logging;

namespace TunFlow;

/// <summary>What a tunnel writes to its log: the beginning and the end of service. What happens meanwhile is the stack's to tell.</summary>
internal static partial class TunnelLog
{
    /// <summary>The logger's category.</summary>
    public const string Category = "TunFlow";

    [LoggerMessage(EventId = 101, Level = LogLevel.Information, Message = "Serving a {Device} with an MTU of {Mtu}.")]
    public static partial void Started(ILogger logger, Type device, int mtu);

    [LoggerMessage(EventId = 102, Level = LogLevel.Information, Message = "Serving another device: a {Device} with an MTU of {Mtu}.")]
    public static partial void DeviceReplaced(ILogger logger, Type device, int mtu);

    [LoggerMessage(EventId = 103, Level = LogLevel.Information, Message = "The tunnel has ended.")]
    public static partial void Ended(ILogger logger);

    [LoggerMessage(EventId = 104, Level = LogLevel.Error, Message = "The tunnel has ended because its device failed.")]
    public static partial void Failed(ILogger logger, Exception exception);
}
