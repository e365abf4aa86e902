using System.Buffers.Binary;

namespace TunFlow.PacketScripts.Language;

/// <summary>A packet that the stack sent, its lengths and checksums verified, with the time and relative numbers.</summary>
internal sealed class ReceivedPacket
{
    private readonly Conversation? _conversation;

    public ReceivedPacket(ParsedPacket parsed, TimeSpan at, Conversation? conversation)
    {
        Parsed = parsed;
        At = at;
        _conversation = conversation;
    }

    public ParsedPacket Parsed { get; }

    /// <summary>Virtual time since the script began.</summary>
    public TimeSpan At { get; }

    public bool IsTcp => Parsed is { Protocol: PacketBuilder.Tcp, IsFragment: false };

    public uint Seq => Parsed.Sequence - (_conversation?.StackInitial ?? 0);

    public uint Ack => (Parsed.Flags & TcpFlags.Ack) != 0 ? Parsed.Acknowledgment - (_conversation?.ApplicationInitial ?? 0) : 0;

    public int? Mss => Option(2) is { Length: 4 } o ? BinaryPrimitives.ReadUInt16BigEndian(o.AsSpan(2)) : null;

    public int? WindowScale => Option(3) is { Length: 3 } o ? o[2] : null;

    public IReadOnlyList<(uint Left, uint Right)> SackBlocks
    {
        get
        {
            uint initial = _conversation?.ApplicationInitial ?? 0;
            byte[] option = Option(5) ?? [0, 2];
            List<(uint, uint)> blocks = [];
            for (int i = 2; i + 8 <= option.Length; i += 8)
            {
                blocks.Add((BinaryPrimitives.ReadUInt32BigEndian(option.AsSpan(i)) - initial,
                    BinaryPrimitives.ReadUInt32BigEndian(option.AsSpan(i + 4)) - initial));
            }

            return blocks;
        }
    }

    public bool HasOption(byte kind) => Option(kind) is not null;

    public override string ToString() => PacketText.Describe(this);

    private byte[]? Option(byte kind)
    {
        if (!IsTcp)
            return null;
        ReadOnlySpan<byte> options = Parsed.TcpOptions;
        while (options.Length > 0 && options[0] != 0)
        {
            int size = options[0] == 1 ? 1 : options[1];
            if (options[0] == kind)
                return options[..size].ToArray();
            options = options[size..];
        }

        return null;
    }
}
