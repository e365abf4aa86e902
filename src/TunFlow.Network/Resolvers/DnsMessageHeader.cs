using System.Buffers.Binary;

namespace TunFlow.Network.Resolvers;

/// <summary>The fixed start of a message (RFC 1035 section 4.1.1).</summary>
internal readonly record struct DnsMessageHeader(ushort Id, ushort Flags, ushort Questions, ushort Answers, ushort Authorities, ushort Additionals)
{
    public const int Size = 12;

    private const int OpcodeMask = 0x7800;
    private const int ResponseCodeMask = 0x000F;

    public DnsResponseCode ResponseCode => (DnsResponseCode)(Flags & ResponseCodeMask);

    /// <summary>Whether this is an answer to a plain query.</summary>
    public bool IsAnswer => Has(DnsFlags.Response) && (Flags & OpcodeMask) == 0;

    public int Records => Answers + Authorities + Additionals;

    public bool Has(DnsFlags flag) => ((DnsFlags)Flags & flag) != 0;

    public static bool TryRead(ReadOnlySpan<byte> message, out DnsMessageHeader header)
    {
        if (message.Length < Size)
        {
            header = default;
            return false;
        }

        header = new DnsMessageHeader(
            BinaryPrimitives.ReadUInt16BigEndian(message),
            BinaryPrimitives.ReadUInt16BigEndian(message[2..]),
            BinaryPrimitives.ReadUInt16BigEndian(message[4..]),
            BinaryPrimitives.ReadUInt16BigEndian(message[6..]),
            BinaryPrimitives.ReadUInt16BigEndian(message[8..]),
            BinaryPrimitives.ReadUInt16BigEndian(message[10..]));
        return true;
    }
}
