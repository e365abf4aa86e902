namespace TunFlow.Network;

/// <summary>What is known about the transport checksum of a packet.</summary>
public enum ChecksumState
{
    /// <summary>The checksum field is filled in and nobody has looked at it.</summary>
    Unverified = 0,

    /// <summary>The field holds the sum of the pseudo-header only; the device that takes the packet completes it (VIRTIO_NET_HDR_F_NEEDS_CSUM). Not an error: the packet never was on a wire.</summary>
    Partial = 1,

    /// <summary>The checksum was verified by the sender of the packet (VIRTIO_NET_HDR_F_DATA_VALID).</summary>
    Valid = 2,
}
