namespace TunFlow.Devices.Linux;

/// <summary>What became of a packet that was written.</summary>
internal enum TunWriteStatus
{
    /// <summary>The kernel has it.</summary>
    Written,

    /// <summary>Dropped and counted: interface down, no memory, not a valid packet.</summary>
    Dropped,

    /// <summary>The device is gone.</summary>
    Closed,
}
