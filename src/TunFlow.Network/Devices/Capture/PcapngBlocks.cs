using System.Buffers.Binary;
using System.Text;

namespace TunFlow.Network;

/// <summary>The blocks of a pcapng file (draft-ietf-opsawg-pcapng), in little-endian order, with one interface of raw IP packets.</summary>
/// <remarks>Every block: type, total length, body, padding to 4 bytes, total length again. Options: code, length, value, padding; code 0 ends them.</remarks>
internal static class PcapngBlocks
{
    /// <summary>The size of what <see cref="End"/> makes.</summary>
    public const int EndSize = 100;

    private const uint SectionHeader = 0x0A0D0D0A;
    private const uint InterfaceDescription = 1;
    private const uint InterfaceStatistics = 5;
    private const uint EnhancedPacket = 6;
    private const uint ByteOrderMagic = 0x1A2B3C4D;

    private const ushort LinkTypeRaw = 101;
    private const byte Nanoseconds = 9; // 10^-9, in if_tsresol

    private const int PacketHeader = 28;
    private const int PacketTrailer = 16; // epb_flags, end of options, total length

    /// <summary>The section header and the description of the interface.</summary>
    public static byte[] Start(CaptureOptions options)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(SectionHeader);
        writer.Write(0);
        writer.Write(ByteOrderMagic);
        writer.Write((ushort)1);
        writer.Write((ushort)0);
        writer.Write(-1L); // the section's length isn't known
        WriteText(writer, 4, "TunFlow");
        EndBlock(writer, 0);

        long start = stream.Position;
        writer.Write(InterfaceDescription);
        writer.Write(0);
        writer.Write(LinkTypeRaw);
        writer.Write((ushort)0);
        writer.Write(options.SnapLength);
        WriteText(writer, 2, options.InterfaceName);
        WriteText(writer, 3, options.InterfaceDescription);
        WriteOption(writer, 9, [Nanoseconds]);
        EndBlock(writer, start);
        return stream.ToArray();
    }

    /// <summary>The size of a packet's block.</summary>
    public static int PacketSize(int captured) => PacketHeader + Pad(captured) + PacketTrailer;

    /// <summary>Writes a packet's block except for the packet, which goes to what is returned.</summary>
    public static Span<byte> WritePacket(Span<byte> block, ulong nanoseconds, int captured, int length, bool outbound)
    {
        int size = PacketSize(captured);
        BinaryPrimitives.WriteUInt32LittleEndian(block, EnhancedPacket);
        BinaryPrimitives.WriteInt32LittleEndian(block[4..], size);
        BinaryPrimitives.WriteInt32LittleEndian(block[8..], 0); // the only interface
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], (uint)(nanoseconds >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(block[16..], (uint)nanoseconds);
        BinaryPrimitives.WriteInt32LittleEndian(block[20..], captured);
        BinaryPrimitives.WriteInt32LittleEndian(block[24..], length);
        block[(PacketHeader + captured)..(PacketHeader + Pad(captured))].Clear();
        Span<byte> trailer = block.Slice(PacketHeader + Pad(captured), PacketTrailer);
        BinaryPrimitives.WriteUInt16LittleEndian(trailer, 2); // epb_flags
        BinaryPrimitives.WriteUInt16LittleEndian(trailer[2..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[4..], outbound ? 2u : 1u);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[8..], 0);
        BinaryPrimitives.WriteInt32LittleEndian(trailer[12..], size);
        return block.Slice(PacketHeader, captured);
    }

    /// <summary>The statistics that close the file.</summary>
    public static byte[] End(ulong started, ulong ended, in CaptureStatistics statistics)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(InterfaceStatistics);
        writer.Write(0);
        writer.Write(0); // the only interface
        WriteTime(writer, ended);
        writer.Write((ushort)2);
        writer.Write((ushort)8);
        WriteTime(writer, started);
        writer.Write((ushort)3);
        writer.Write((ushort)8);
        WriteTime(writer, ended);
        WriteNumber(writer, 4, statistics.PacketsSeen); // isb_ifrecv
        WriteNumber(writer, 5, statistics.PacketsDropped); // isb_ifdrop
        WriteNumber(writer, 6, statistics.PacketsSeen - statistics.PacketsFiltered); // isb_filteraccept
        WriteNumber(writer, 8, statistics.PacketsRecorded); // isb_usrdeliv
        EndBlock(writer, 0);
        return stream.ToArray();
    }

    private static int Pad(int length) => (length + 3) & ~3;

    private static void WriteTime(BinaryWriter writer, ulong nanoseconds)
    {
        writer.Write((uint)(nanoseconds >> 32));
        writer.Write((uint)nanoseconds);
    }

    private static void WriteNumber(BinaryWriter writer, ushort code, long value)
    {
        writer.Write(code);
        writer.Write((ushort)sizeof(long));
        writer.Write(value);
    }

    private static void WriteText(BinaryWriter writer, ushort code, string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            WriteOption(writer, code, Encoding.UTF8.GetBytes(text));
        }
    }

    private static void WriteOption(BinaryWriter writer, ushort code, ReadOnlySpan<byte> value)
    {
        writer.Write(code);
        writer.Write((ushort)value.Length);
        writer.Write(value);
        for (int i = value.Length; i < Pad(value.Length); i++)
        {
            writer.Write((byte)0);
        }
    }

    /// <summary>Ends the options, and sets both lengths.</summary>
    private static void EndBlock(BinaryWriter writer, long start)
    {
        writer.Write(0);
        int size = (int)(writer.BaseStream.Position - start) + sizeof(int);
        writer.Write(size);
        writer.Seek((int)start + 4, SeekOrigin.Begin);
        writer.Write(size);
        writer.Seek(0, SeekOrigin.End);
    }
}
