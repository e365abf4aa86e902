using System.Buffers.Binary;
using System.Security.Cryptography;

namespace TunFlow.Network.Resolvers;

/// <summary>A query as it goes to a server, and what its answer must match.</summary>
internal sealed class DnsQueryMessage
{
    /// <summary>What a UDP answer may have without being fragmented on any usual path (the DNS flag day of 2020).</summary>
    public const int UdpPayloadSize = 1232;

    /// <summary>What queries are padded to where nobody can read them (RFC 8467 section 4.1).</summary>
    public const int EncryptedPadding = 128;

    private const int OptSize = 11;
    private const int OptionHeaderSize = 4;
    private const int PaddingOption = 12;
    private const int QuestionTail = 4;

    private readonly byte[] _name;
    private readonly bool _exactCase;

    /// <summary>Writes a query.</summary>
    /// <param name="question">The question.</param>
    /// <param name="id">The message's id.</param>
    /// <param name="edns">Whether to say by EDNS(0) (RFC 6891) that larger answers than 512 bytes are welcome.</param>
    /// <param name="randomCase">Whether each letter of the name gets a random case, which an honest answer repeats: some more bits that a blind attacker must guess.</param>
    /// <param name="paddedTo">If not zero the length is padded to a multiple of this (RFC 7830), so that it tells less of the name. Needs <paramref name="edns"/>.</param>
    public DnsQueryMessage(DnsQuestion question, ushort id, bool edns = true, bool randomCase = false, int paddedTo = 0)
    {
        Question = question;
        Id = id;
        _exactCase = randomCase;
        _name = randomCase ? RandomizeCase(question.WireName) : question.WireName;

        int length = DnsMessageHeader.Size + _name.Length + QuestionTail + (edns ? OptSize : 0);
        int padding = 0;
        if (paddedTo > 0)
        {
            length += OptionHeaderSize;
            padding = (paddedTo - (length % paddedTo)) % paddedTo;
        }

        byte[] message = new byte[length + padding];
        BinaryPrimitives.WriteUInt16BigEndian(message, id);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)DnsFlags.RecursionDesired);
        message[5] = 1;
        message[11] = (byte)(edns ? 1 : 0);

        Span<byte> rest = message.AsSpan(DnsMessageHeader.Size);
        _name.CopyTo(rest);
        rest = rest[_name.Length..];
        BinaryPrimitives.WriteUInt16BigEndian(rest, (ushort)question.Type);
        BinaryPrimitives.WriteUInt16BigEndian(rest[2..], (ushort)question.Class);
        if (edns)
        {
            // The root's name, then the fields of a record, which mean other things here: RFC 6891 section 6.1.2.
            rest = rest[QuestionTail..];
            BinaryPrimitives.WriteUInt16BigEndian(rest[1..], (ushort)DnsRecordType.Opt);
            BinaryPrimitives.WriteUInt16BigEndian(rest[3..], UdpPayloadSize);
            if (paddedTo > 0)
            {
                BinaryPrimitives.WriteUInt16BigEndian(rest[9..], (ushort)(OptionHeaderSize + padding));
                BinaryPrimitives.WriteUInt16BigEndian(rest[OptSize..], PaddingOption);
                BinaryPrimitives.WriteUInt16BigEndian(rest[(OptSize + 2)..], (ushort)padding);
            }
        }

        Message = message;
    }

    public DnsQuestion Question { get; }

    public ushort Id { get; }

    public ReadOnlyMemory<byte> Message { get; }

    /// <summary>An id that nobody can guess.</summary>
    public static ushort NewId()
    {
        Span<byte> id = stackalloc byte[sizeof(ushort)];
        RandomNumberGenerator.Fill(id);
        return BinaryPrimitives.ReadUInt16BigEndian(id);
    }

    /// <summary>Whether a question that an answer repeats is this query's.</summary>
    public bool Asks(ReadOnlySpan<byte> name, DnsRecordType type, DnsRecordClass @class) =>
        type == Question.Type && @class == Question.Class && (_exactCase ? name.SequenceEqual(_name) : DnsName.Equal(name, _name));

    private static byte[] RandomizeCase(ReadOnlySpan<byte> name)
    {
        byte[] random = RandomNumberGenerator.GetBytes(name.Length);
        byte[] result = name.ToArray();
        for (int i = 0; i < result.Length; i++)
        {
            if (char.IsAsciiLetter((char)result[i]))
            {
                result[i] ^= (byte)(random[i] & 0x20);
            }
        }

        return result;
    }
}
