namespace TunFlow.Lwip;

/// <summary>How one direction of a relayed flow ended.</summary>
internal enum PumpEnd
{
    /// <summary>The end of the stream was passed on.</summary>
    Orderly,

    /// <summary>The application's side is gone: RST, time-out, the device was closed.</summary>
    FlowBroken,

    /// <summary>The upstream failed.</summary>
    UpstreamBroken,
}
