using System.Buffers.Binary;

namespace TunFlow.PacketScripts.Language;

/// <summary>Fragments of a packet, honest and otherwise.</summary>
internal static class Fragments
{
    /// <summary>All fragments, of at most <paramref name="size"/> bytes (a multiple of 8) each.</summary>
    public static IReadOnlyList<byte[]> Cut(byte[] packet, int size, uint id)
    {
        List<byte[]> pieces = [];
        int payload = packet.Length - PacketEdit.Header(packet);
        for (int offset = 0; offset < payload; offset += size)
            pieces.Add(Piece(packet, id, offset, Math.Min(size, payload - offset), offset + size < payload));
        return pieces;
    }

    /// <summary>One fragment: these bytes of the packet's payload, at their offset.</summary>
    public static byte[] Piece(byte[] packet, uint id, int offset, int length, bool more) =>
        Piece(packet, id, offset, packet.AsSpan(PacketEdit.Header(packet) + offset, length), more);

    /// <summary>One fragment with any bytes at any offset.</summary>
    public static byte[] Piece(byte[] packet, uint id, int offset, ReadOnlySpan<byte> bytes, bool more)
    {
        int header = PacketEdit.Header(packet);
        bool v4 = header == 20;
        byte[] piece = new byte[header + (v4 ? 0 : 8) + bytes.Length];
        packet.AsSpan(0, header).CopyTo(piece);
        bytes.CopyTo(piece.AsSpan(piece.Length - bytes.Length));
        if (v4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(piece.AsSpan(2), (ushort)piece.Length);
            BinaryPrimitives.WriteUInt16BigEndian(piece.AsSpan(4), (ushort)id);
            BinaryPrimitives.WriteUInt16BigEndian(piece.AsSpan(6), (ushort)((more ? 0x2000 : 0) | (offset / 8)));
            PacketEdit.FixHeader(piece);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(piece.AsSpan(4), (ushort)(piece.Length - 40));
            piece[40] = piece[6];
            piece[6] = 44;
            BinaryPrimitives.WriteUInt16BigEndian(piece.AsSpan(42), (ushort)(offset | (more ? 1 : 0)));
            BinaryPrimitives.WriteUInt32BigEndian(piece.AsSpan(44), id);
        }

        return piece;
    }
}
