namespace TunFlow.Network;

/// <summary>Finishes in software what a sender left to its device: see <see cref="ChecksumState.Partial"/>.</summary>
internal static class PartialChecksum
{
    /// <summary>Completes the checksum of a packet in place. False if the offload's offsets lie outside the packet; it is unchanged then.</summary>
    internal static bool TryComplete(Span<byte> packet, in PacketOffload offload)
    {
        int field = offload.ChecksumStart + offload.ChecksumOffset;
        if (field + sizeof(ushort) > packet.Length)
        {
            return false;
        }

        // The field holds the sum of the pseudo-header, so it is summed with everything else.
        ushort checksum = InternetChecksum.Complete(InternetChecksum.Add(0, packet[offload.ChecksumStart..]));
        InternetChecksum.Store(packet[field..], checksum);
        return true;
    }
}
