using System.Buffers.Binary;

namespace TunFlow.Network.Resolvers;

/// <summary>Reads the parts of a message that a stranger wrote: every read is checked, none throws.</summary>
/// <remarks>
/// Work is bounded: a compression pointer must lead before the start of the run it ends, so there are no loops; a name has at most
/// <see cref="MaxJumps"/> of them and 255 bytes; a name that was read before is not read again; and all names together expand to
/// <see cref="MaxExpansion"/> bytes at most.
/// </remarks>
internal ref struct DnsMessageReader
{
    /// <summary>No honest message has more bytes of different names than it has bytes, and none has more than 64 KiB.</summary>
    private const int MaxExpansion = 128 * 1024;

    /// <summary>A name has 127 labels at most, and an honest pointer leads to a label.</summary>
    private const int MaxJumps = 127;

    private const int PointerBits = 0xC0;

    private readonly ReadOnlySpan<byte> _message;
    private Dictionary<int, string>? _names;
    private int _expanded;

    public DnsMessageReader(ReadOnlySpan<byte> message, int position)
    {
        _message = message;
        Position = position;
    }

    public int Position { get; private set; }

    public readonly int Remaining => _message.Length - Position;

    public bool TryReadUInt16(out ushort value)
    {
        if (Remaining < sizeof(ushort))
        {
            value = 0;
            return false;
        }

        value = BinaryPrimitives.ReadUInt16BigEndian(_message[Position..]);
        Position += sizeof(ushort);
        return true;
    }

    public bool TryReadUInt32(out uint value)
    {
        if (Remaining < sizeof(uint))
        {
            value = 0;
            return false;
        }

        value = BinaryPrimitives.ReadUInt32BigEndian(_message[Position..]);
        Position += sizeof(uint);
        return true;
    }

    public bool TryReadBytes(int count, out ReadOnlySpan<byte> bytes)
    {
        if (Remaining < count)
        {
            bytes = default;
            return false;
        }

        bytes = _message.Slice(Position, count);
        Position += count;
        return true;
    }

    /// <summary>Reads a name as text.</summary>
    public bool TryReadName(out string name)
    {
        // Most names are nothing but a pointer to one that was read before.
        int start = Position;
        if (Remaining >= 2 && (_message[start] & PointerBits) == PointerBits)
        {
            start = BinaryPrimitives.ReadUInt16BigEndian(_message[start..]) & 0x3FFF;
            if (_names is not null && _names.TryGetValue(start, out name!))
            {
                Position += 2;
                return true;
            }
        }

        Span<byte> wire = stackalloc byte[DnsName.MaxLength];
        if (!TryReadName(wire, out int length))
        {
            name = "";
            return false;
        }

        name = DnsName.Format(wire[..length]);
        (_names ??= [])[start] = name;
        return true;
    }

    /// <summary>Reads a name and writes it out without compression.</summary>
    /// <param name="wire">At least <see cref="DnsName.MaxLength"/> bytes.</param>
    /// <param name="length">The length of the name in <paramref name="wire"/>.</param>
    public bool TryReadName(scoped Span<byte> wire, out int length)
    {
        length = 0;
        int position = Position;
        int runStart = Position;
        int end = -1;
        int jumps = 0;
        while (position < _message.Length)
        {
            int label = _message[position++];
            if ((label & PointerBits) == PointerBits)
            {
                if (position == _message.Length)
                {
                    return false;
                }

                int target = ((label & ~PointerBits) << 8) | _message[position++];
                if (target >= runStart || target < DnsMessageHeader.Size || ++jumps > MaxJumps)
                {
                    return false;
                }

                end = end < 0 ? position : end;
                runStart = position = target;
                continue;
            }

            if (label > DnsName.MaxLabel || length + label + 1 > DnsName.MaxLength || label > _message.Length - position)
            {
                return false;
            }

            wire[length++] = (byte)label;
            _message.Slice(position, label).CopyTo(wire[length..]);
            length += label;
            position += label;
            if (label == 0)
            {
                Position = end < 0 ? position : end;
                _expanded += length;
                return _expanded <= MaxExpansion;
            }
        }

        return false;
    }
}
