namespace TunFlow.Devices.Linux;

/// <summary>Why a wait for packets ended; more than one reason may hold.</summary>
[Flags]
internal enum TunWaitResult
{
    /// <summary>The time is over.</summary>
    Timeout = 0,

    /// <summary>Packets, or an error that a read will name.</summary>
    Readable = 1,

    /// <summary>The event was set; the waiter resets it.</summary>
    Event = 2,

    /// <summary>The descriptor was closed by its owner.</summary>
    Closed = 4,
}
