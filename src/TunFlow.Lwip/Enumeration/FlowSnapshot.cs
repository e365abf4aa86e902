using System.Net;
using System.Net.Sockets;

namespace TunFlow.Lwip;

/// <summary>One TCP flow or UDP session at the moment of <see cref="LwipDevice.GetFlows"/>.</summary>
public sealed record FlowSnapshot
{
    /// <summary>Distinguishes it among all flows and sessions of its device, now and later.</summary>
    public required ulong Id { get; init; }

    /// <summary><see cref="ProtocolType.Tcp"/> or <see cref="ProtocolType.Udp"/>.</summary>
    public required ProtocolType Protocol { get; init; }

    /// <summary>The application's endpoint.</summary>
    public required IPEndPoint Source { get; init; }

    /// <summary>Whom it reaches; null for a UDP session, which has any number of remotes.</summary>
    public IPEndPoint? Destination { get; init; }

    /// <summary>How far it has come.</summary>
    public required FlowState State { get; init; }

    /// <summary>Time since its first packet.</summary>
    public required TimeSpan Age { get; init; }

    /// <summary>Payload bytes given to the upstream.</summary>
    public required long BytesUp { get; init; }

    /// <summary>Payload bytes given to the application's side.</summary>
    public required long BytesDown { get; init; }

    /// <summary>Bytes of native memory that the flow holds; 0 for a UDP session.</summary>
    public long NativeBytes { get; init; }
}
