namespace TunFlow.Network;

/// <summary>Which way a packet passes a device, seen from the program that uses the device.</summary>
public enum PacketDirection
{
    /// <summary>Out of the device: what <see cref="IIPDevice.ReadAsync"/> returns. At a TUN: what the system's applications send.</summary>
    Read = 0,

    /// <summary>Into the device: what is passed to <see cref="IIPDevice.WriteAsync"/>. At a TUN: what the system's applications receive.</summary>
    Written = 1,
}
