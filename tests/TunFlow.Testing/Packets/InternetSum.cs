using System.Buffers.Binary;

namespace TunFlow.Testing.Packets;

/// <summary>The Internet checksum (RFC 1071), written for clarity: tests are to agree with the standard, not with the code under test.</summary>
public static class InternetSum
{
    public static uint Add(uint sum, ReadOnlySpan<byte> data)
    {
        for (int i = 0; i + 1 < data.Length; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(data[i..]);
        if ((data.Length & 1) != 0)
            sum += (uint)(data[^1] << 8);
        return sum;
    }

    public static ushort Finish(uint sum)
    {
        while (sum >> 16 != 0)
            sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>The sum over pseudo-header and transport segment; 0 if the checksum in it is right.</summary>
    public static ushort Transport(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, byte protocol, ReadOnlySpan<byte> segment)
    {
        uint sum = Add(0, source);
        sum = Add(sum, destination);
        sum += protocol;
        sum += (uint)segment.Length & 0xFFFF;
        sum += (uint)segment.Length >> 16;
        return Finish(Add(sum, segment));
    }
}
