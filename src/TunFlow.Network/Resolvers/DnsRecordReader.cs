using System.Net;

namespace TunFlow.Network.Resolvers;

/// <summary>Reads the data of records: checks what this library uses, and writes out names that may be compressed.</summary>
internal static class DnsRecordReader
{
    private const int IPv4Size = 4;
    private const int IPv6Size = 16;

    // The message is known to have the data's length.
    public static bool TryRead(
        ref DnsMessageReader reader, string name, DnsRecordType type, DnsRecordClass @class, TimeSpan lifetime, int length, out DnsRecord? record)
    {
        record = null;
        int? addressSize = @class != DnsRecordClass.Internet ? null : type switch
        {
            DnsRecordType.A => IPv4Size,
            DnsRecordType.Aaaa => IPv6Size,
            _ => null,
        };

        // The types of RFC 1035 whose names servers may compress, and SRV, where some do although they must not.
        (int Before, int Names, int After)? layout = type switch
        {
            DnsRecordType.NS or DnsRecordType.Cname or DnsRecordType.Ptr => (0, 1, 0),
            DnsRecordType.MX => (2, 1, 0),
            DnsRecordType.Srv => (6, 1, 0),
            DnsRecordType.Soa => (0, 2, 20),
            _ => null,
        };

        byte[]? data;
        if (layout is { } parts)
        {
            data = ReadNames(ref reader, parts.Before, parts.Names, parts.After, length);
        }
        else
        {
            data = (addressSize is null || addressSize == length) && reader.TryReadBytes(length, out ReadOnlySpan<byte> bytes) ? bytes.ToArray() : null;
        }

        if (data is null)
        {
            return false;
        }

        record = addressSize is not null
            ? new DnsAddressRecord(name, new IPAddress(data), lifetime)
            : type == DnsRecordType.Cname
                ? new DnsAliasRecord(name, @class, lifetime, data)
                : new DnsRecord(name, type, @class, lifetime, data);
        return true;
    }

    private static byte[]? ReadNames(ref DnsMessageReader reader, int before, int names, int after, int length)
    {
        int end = reader.Position + length;
        Span<byte> data = stackalloc byte[(2 * DnsName.MaxLength) + 20];
        int written = 0;
        if (before > length || !TryCopy(ref reader, before, data, ref written))
        {
            return null;
        }

        for (int i = 0; i < names; i++)
        {
            if (!reader.TryReadName(data[written..], out int nameLength))
            {
                return null;
            }

            written += nameLength;
        }

        // Exactly as long as the record says, neither into the next record nor short of it.
        return TryCopy(ref reader, after, data, ref written) && reader.Position == end ? data[..written].ToArray() : null;
    }

    private static bool TryCopy(ref DnsMessageReader reader, int count, scoped Span<byte> data, ref int written)
    {
        if (!reader.TryReadBytes(count, out ReadOnlySpan<byte> bytes))
        {
            return false;
        }

        bytes.CopyTo(data[written..]);
        written += count;
        return true;
    }
}
