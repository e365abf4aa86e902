namespace TunFlow.Network.Resolvers;

/// <summary>Makes responses of messages that anybody may have sent.</summary>
internal static class DnsResponseParser
{
    // A root name, type, class, time to live, length of nothing.
    private const int MinRecordSize = 11;

    /// <summary>Reads an answer.</summary>
    /// <param name="message">The message. Bytes after its last record are ignored: some servers pad, and nothing hangs on them.</param>
    /// <param name="query">What was asked.</param>
    /// <param name="response">The answer; its question is the query's.</param>
    /// <param name="problem">Why there is none, as the end of a sentence.</param>
    public static bool TryParse(ReadOnlySpan<byte> message, DnsQueryMessage query, out DnsResponse? response, out string problem) =>
        TryParse(message, query, TimeSpan.Zero, out response, out problem);

    /// <summary>Reads an answer that may have been in a cache.</summary>
    /// <param name="message">The message, as above.</param>
    /// <param name="query">What was asked.</param>
    /// <param name="age">How old the answer is: what its records have lived of their time already (RFC 8484 section 5.1).</param>
    /// <param name="response">The answer, as above.</param>
    /// <param name="problem">Why there is none, as the end of a sentence.</param>
    public static bool TryParse(ReadOnlySpan<byte> message, DnsQueryMessage query, TimeSpan age, out DnsResponse? response, out string problem)
    {
        response = null;
        problem = "is too short";
        if (!DnsMessageHeader.TryRead(message, out DnsMessageHeader header))
        {
            return false;
        }

        problem = "has another id";
        if (header.Id != query.Id)
        {
            return false;
        }

        problem = "is not an answer";
        if (!header.IsAnswer)
        {
            return false;
        }

        problem = "is for another question";
        DnsMessageReader reader = new(message, DnsMessageHeader.Size);
        if (!TryReadQuestion(ref reader, header, query))
        {
            return false;
        }

        bool truncated = header.Has(DnsFlags.Truncated);
        DnsResponseCode code = header.ResponseCode;
        DnsRecord[][] sections = [[], [], []];
        if (!TryReadSections(ref reader, header, age, sections, ref code))
        {
            // RFC 2181 section 9: what a truncated message has is not to be used; that it was truncated is what counts.
            if (!truncated)
            {
                problem = "is malformed";
                return false;
            }

            sections = [[], [], []];
        }

        response = new DnsResponse(query.Question)
        {
            ResponseCode = code,
            IsAuthoritative = header.Has(DnsFlags.AuthoritativeAnswer),
            IsTruncated = truncated,
            RecursionAvailable = header.Has(DnsFlags.RecursionAvailable),
            AuthenticData = header.Has(DnsFlags.AuthenticData),
            Answers = sections[0],
            Authorities = sections[1],
            Additionals = sections[2],
        };
        return true;
    }

    private static bool TryReadQuestion(ref DnsMessageReader reader, DnsMessageHeader header, DnsQueryMessage query)
    {
        // A server that doesn't understand a query may be unable to repeat it.
        if (header.Questions == 0)
        {
            return header.ResponseCode is DnsResponseCode.FormatError or DnsResponseCode.NotImplemented && header.Records == 0;
        }

        Span<byte> name = stackalloc byte[DnsName.MaxLength];
        return header.Questions == 1
            && reader.TryReadName(name, out int length)
            && reader.TryReadUInt16(out ushort type)
            && reader.TryReadUInt16(out ushort @class)
            && query.Asks(name[..length], (DnsRecordType)type, (DnsRecordClass)@class);
    }

    private static bool TryReadSections(ref DnsMessageReader reader, DnsMessageHeader header, TimeSpan age, DnsRecord[][] sections, ref DnsResponseCode code)
    {
        // Before any memory is reserved for them.
        return header.Records <= reader.Remaining / MinRecordSize
            && TryReadSection(ref reader, header.Answers, age, mayHaveEdns: false, ref code, out sections[0])
            && TryReadSection(ref reader, header.Authorities, age, mayHaveEdns: false, ref code, out sections[1])
            && TryReadSection(ref reader, header.Additionals, age, mayHaveEdns: true, ref code, out sections[2]);
    }

    private static bool TryReadSection(ref DnsMessageReader reader, int count, TimeSpan age, bool mayHaveEdns, ref DnsResponseCode code, out DnsRecord[] records)
    {
        records = count == 0 ? [] : new DnsRecord[count];
        int stored = 0;
        for (int i = 0; i < count; i++)
        {
            if (!reader.TryReadName(out string name)
                || !reader.TryReadUInt16(out ushort type)
                || !reader.TryReadUInt16(out ushort @class)
                || !reader.TryReadUInt32(out uint timeToLive)
                || !reader.TryReadUInt16(out ushort length)
                || reader.Remaining < length)
            {
                return false;
            }

            if ((DnsRecordType)type == DnsRecordType.Opt)
            {
                if (!mayHaveEdns || name != "." || !reader.TryReadBytes(length, out _))
                {
                    return false;
                }

                // RFC 6891 section 6.1.3: the upper eight bits of the response code.
                code = (DnsResponseCode)(((int)code & 0x000F) | (int)(timeToLive >> 24 << 4));
                mayHaveEdns = false;
                continue;
            }

            // RFC 2181 section 8: a time to live with the top bit set counts as zero.
            TimeSpan lifetime = timeToLive > int.MaxValue ? TimeSpan.Zero : TimeSpan.FromSeconds(timeToLive);
            lifetime = lifetime > age ? lifetime - age : TimeSpan.Zero;
            if (!DnsRecordReader.TryRead(ref reader, name, (DnsRecordType)type, (DnsRecordClass)@class, lifetime, length, out DnsRecord? record))
            {
                return false;
            }

            records[stored++] = record!;
        }

        records = stored == count ? records : records[..stored];
        return true;
    }
}
