using System.Buffers.Binary;

namespace TunFlow.Network;

/// <summary>The few things that packet proxies look at in DNS messages (RFC 1035, section 4.1).</summary>
internal static class DnsDatagrams
{
    /// <summary>The size of the header in bytes.</summary>
    public const int HeaderLength = 12;

    private const int FlagsOffset = 2;
    private const int RcodeOffset = 3;
    private const int QuestionCountOffset = 4;
    private const int AnswerCountOffset = 6;
    private const byte Response = 0x80;
    private const byte OpcodeMask = 0x78;
    private const byte Truncated = 0x02;
    private const byte RcodeMask = 0x0F;
    private const int NoError = 0;
    private const int NameError = 3;
    private const int MaxLabel = 63;
    private const int MaxName = 255;
    private const int TypeAndClass = 4;

    /// <summary>Whether the QR bit says that a message, of at least a header, is a response.</summary>
    public static bool IsResponse(ReadOnlySpan<byte> message) => (message[FlagsOffset] & Response) != 0;

    /// <summary>Writes the truncated answer to a query, of at least a header and of the same length.</summary>
    public static void WriteTruncatedAnswer(ReadOnlySpan<byte> query, Span<byte> answer)
    {
        query.CopyTo(answer);
        answer[FlagsOffset] |= Response | Truncated;
        answer[RcodeOffset] &= unchecked((byte)~RcodeMask);
        query.Slice(QuestionCountOffset, 2).CopyTo(answer[AnswerCountOffset..]);
    }

    /// <summary>Finds the end of the question section.</summary>
    /// <returns>The offset behind it, or -1 if the message is malformed. Names are not followed into compression: a question has nothing before it to point to.</returns>
    public static int FindQuestionEnd(ReadOnlySpan<byte> message)
    {
        if (message.Length < HeaderLength)
        {
            return -1;
        }

        int offset = HeaderLength;
        for (int questions = BinaryPrimitives.ReadUInt16BigEndian(message[QuestionCountOffset..]); questions > 0; questions--)
        {
            int nameEnd = FindNameEnd(message, offset);
            if (nameEnd < 0 || nameEnd + TypeAndClass > message.Length)
            {
                return -1;
            }

            offset = nameEnd + TypeAndClass;
        }

        return offset;
    }

    /// <summary>Tells whether a message answers a query: ID, opcode and question section agree (RFC 5452, section 9.1).</summary>
    /// <param name="message">What came back.</param>
    /// <param name="query">The query up to the end of its question section, well-formed.</param>
    /// <remarks>A server that could not read the query may leave the question out; such a message is accepted if it is an error that says nothing about the name.</remarks>
    public static bool IsAnswerTo(ReadOnlySpan<byte> message, ReadOnlySpan<byte> query)
    {
        if (message.Length < HeaderLength
            || !IsResponse(message)
            || !message[..FlagsOffset].SequenceEqual(query[..FlagsOffset])
            || ((message[FlagsOffset] ^ query[FlagsOffset]) & OpcodeMask) != 0)
        {
            return false;
        }

        if (BinaryPrimitives.ReadUInt16BigEndian(message[QuestionCountOffset..]) == 0 && query.Length > HeaderLength)
        {
            return (message[RcodeOffset] & RcodeMask) is not (NoError or NameError);
        }

        return message.Slice(QuestionCountOffset, 2).SequenceEqual(query.Slice(QuestionCountOffset, 2)) && AreQuestionsEqual(message, query);
    }

    private static bool AreQuestionsEqual(ReadOnlySpan<byte> message, ReadOnlySpan<byte> query)
    {
        if (message.Length < query.Length)
        {
            return false;
        }

        int offset = HeaderLength;
        while (offset < query.Length)
        {
            // Names without regard to ASCII case (RFC 4343). The lengths of labels, which are part of it, are no letters.
            int nameEnd = FindNameEnd(query, offset);
            for (; offset < nameEnd; offset++)
            {
                if (ToLower(message[offset]) != ToLower(query[offset]))
                {
                    return false;
                }
            }

            if (!message.Slice(offset, TypeAndClass).SequenceEqual(query.Slice(offset, TypeAndClass)))
            {
                return false;
            }

            offset += TypeAndClass;
        }

        return true;
    }

    private static int ToLower(byte value) => value is >= (byte)'A' and <= (byte)'Z' ? value | 0x20 : value;

    private static int FindNameEnd(ReadOnlySpan<byte> message, int start)
    {
        int offset = start;
        while (offset < message.Length && offset - start < MaxName)
        {
            int label = message[offset++];
            if (label == 0)
            {
                return offset;
            }

            if (label > MaxLabel)
            {
                return -1;
            }

            offset += label;
        }

        return -1;
    }
}
