namespace TunFlow.Network;

/// <summary>Finishes in software what a sender left to its device: see <see cref="ChecksumState.Partial"/>.</summary>
internal static class PartialChecksum
{
    private const int UdpChecksumOffset = 6;

    /// <summary>Completes the checksum of a packet in place. False if the offload's offsets lie outside the packet; it is unchanged then.</summary>
    internal static bool TryComplete(Span<byte> packet, in PacketOffload offload)
    {
        if (!TryCompute(packet, offload, out int field, out ushort checksum))
        {
            return false;
        }

        InternetChecksum.Store(packet[field..], checksum);
        return true;
    }

    /// <summary>What the checksum is, and where it belongs. False if the offload's offsets lie outside the packet.</summary>
    internal static bool TryCompute(ReadOnlySpan<byte> packet, in PacketOffload offload, out int field, out ushort checksum)
    {
        field = offload.ChecksumStart + offload.ChecksumOffset;
        checksum = 0;
        if (field + sizeof(ushort) > packet.Length)
        {
            return false;
        }

        // The field holds the sum of the pseudo-header, so it is summed with everything else. That of a super-packet is over all of it.
        ulong sum = InternetChecksum.Add(0, packet[offload.ChecksumStart..]);
        checksum = offload.ChecksumOffset == UdpChecksumOffset ? InternetChecksum.Complete(sum) : InternetChecksum.CompleteTcp(sum);
        return true;
    }
}
