using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace TunFlow.Network.Tests;

/// <summary>Writes DNS messages byte by byte, right ones and wrong ones.</summary>
internal sealed class WireMessage
{
    public const ushort Answer = 0x8180;
    public const ushort TruncatedAnswer = 0x8380;

    private readonly List<byte> _bytes = [];

    public int Length => _bytes.Count;

    public byte[] ToArray() => [.. _bytes];

    public static WireMessage Header(ushort id, ushort flags = Answer, ushort questions = 1, ushort answers = 0, ushort authorities = 0, ushort additionals = 0) =>
        new WireMessage().U16(id).U16(flags).U16(questions).U16(answers).U16(authorities).U16(additionals);

    /// <summary>An answer to a query with addresses, each for the question's name by compression.</summary>
    public static byte[] AnswerTo(ReadOnlySpan<byte> query, params string[] addresses) => Reply(query, Answer, addresses);

    public static byte[] Reply(ReadOnlySpan<byte> query, ushort flags, params string[] addresses)
    {
        WireMessage reply = Header(BinaryPrimitives.ReadUInt16BigEndian(query), flags, answers: (ushort)addresses.Length).Raw(QuestionOf(query));
        foreach (string text in addresses)
        {
            IPAddress address = IPAddress.Parse(text);
            byte[] data = address.GetAddressBytes();
            reply.Pointer(12).Record((ushort)(data.Length == 4 ? 1 : 28), data);
        }

        return reply.ToArray();
    }

    /// <summary>The bytes of a query's only question.</summary>
    public static byte[] QuestionOf(ReadOnlySpan<byte> query)
    {
        int end = 12;
        while (query[end] != 0)
        {
            end += query[end] + 1;
        }

        return query[12..(end + 5)].ToArray();
    }

    public static ushort TypeOf(ReadOnlySpan<byte> query) => BinaryPrimitives.ReadUInt16BigEndian(QuestionOf(query).AsSpan()[^4..]);

    public WireMessage U8(int value)
    {
        _bytes.Add((byte)value);
        return this;
    }

    public WireMessage U16(int value) => U8(value >> 8).U8(value);

    public WireMessage U32(uint value) => U16((int)(value >> 16)).U16((int)value);

    public WireMessage Raw(params ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public WireMessage Name(string name)
    {
        foreach (string label in name.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            U8(label.Length).Raw(Encoding.ASCII.GetBytes(label));
        }

        return U8(0);
    }

    public WireMessage Pointer(int offset) => U16(0xC000 | offset);

    public WireMessage Question(string name, int type, int @class = 1) => Name(name).U16(type).U16(@class);

    /// <summary>Everything of a record after its name.</summary>
    public WireMessage Record(int type, ReadOnlySpan<byte> data, uint timeToLive = 300, int @class = 1, int? length = null) =>
        U16(type).U16(@class).U32(timeToLive).U16(length ?? data.Length).Raw(data);
}
