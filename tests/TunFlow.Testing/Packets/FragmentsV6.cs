using System.Buffers.Binary;

namespace TunFlow.Testing.Packets;

/// <summary>IPv6 fragments (RFC 8200 section 4.5).</summary>
public static class FragmentsV6
{
    private const byte FragmentHeader = 44;

    /// <summary>Splits a packet without extension headers into fragments that carry at most the given number of bytes (a multiple of 8) each.</summary>
    public static IReadOnlyList<byte[]> Split(byte[] packet, int size, uint identification)
    {
        List<byte[]> fragments = [];
        int payload = packet.Length - 40;
        for (int offset = 0; offset < payload; offset += size)
        {
            int length = Math.Min(size, payload - offset);
            byte[] fragment = new byte[48 + length];
            packet.AsSpan(0, 40).CopyTo(fragment);
            BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(4), (ushort)(8 + length));
            fragment[6] = FragmentHeader;
            fragment[40] = packet[6];
            BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(42), (ushort)(offset | (offset + length < payload ? 1 : 0)));
            BinaryPrimitives.WriteUInt32BigEndian(fragment.AsSpan(44), identification);
            packet.AsSpan(40 + offset, length).CopyTo(fragment.AsSpan(48));
            fragments.Add(fragment);
        }

        return fragments;
    }

    /// <summary>Puts the fragments of one packet together, in whatever order they are.</summary>
    /// <returns>The packet; null while something is missing.</returns>
    public static byte[]? Join(IReadOnlyCollection<byte[]> fragments)
    {
        byte[][] ordered = [.. fragments.OrderBy(Offset)];
        int expected = 0;
        bool complete = false;
        foreach (byte[] fragment in ordered)
        {
            if (fragment[6] != FragmentHeader || BinaryPrimitives.ReadUInt32BigEndian(fragment.AsSpan(44)) != BinaryPrimitives.ReadUInt32BigEndian(ordered[0].AsSpan(44)))
                throw new FormatException("These are no fragments of one packet.");
            if (Offset(fragment) != expected)
                return null;
            expected += fragment.Length - 48;
            complete = (fragment[43] & 1) == 0;
        }

        if (!complete)
            return null;
        byte[] packet = new byte[40 + expected];
        ordered[0].AsSpan(0, 40).CopyTo(packet);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)expected);
        packet[6] = ordered[0][40];
        foreach (byte[] fragment in ordered)
            fragment.AsSpan(48).CopyTo(packet.AsSpan(40 + Offset(fragment)));
        return packet;
    }

    private static int Offset(byte[] fragment) => BinaryPrimitives.ReadUInt16BigEndian(fragment.AsSpan(42)) & 0xFFF8;
}
