using System.Net;

namespace TunFlow.Network.Resolvers;

/// <summary>A server's answer.</summary>
public sealed class DnsResponse
{
    // Longer chains of aliases than any resolver follows.
    private const int MaxAliases = 16;

    /// <summary>Creates an answer, for resolvers of other kinds.</summary>
    /// <param name="question">What was asked.</param>
    public DnsResponse(DnsQuestion question)
    {
        ArgumentNullException.ThrowIfNull(question);
        Question = question;
    }

    /// <summary>What was asked.</summary>
    public DnsQuestion Question { get; }

    /// <summary>What the server says of the query.</summary>
    public DnsResponseCode ResponseCode { get; init; }

    /// <summary>Whether the server is responsible for the name (AA).</summary>
    public bool IsAuthoritative { get; init; }

    /// <summary>Whether the answer was too large for the transport, so that records may be missing (TC).</summary>
    public bool IsTruncated { get; init; }

    /// <summary>Whether the server asks others (RA).</summary>
    public bool RecursionAvailable { get; init; }

    /// <summary>Whether the server says that it checked the records by DNSSEC (AD). Worth as much as the way to the server.</summary>
    public bool AuthenticData { get; init; }

    /// <summary>The records that answer the question, aliases on the way included.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public IReadOnlyList<DnsRecord> Answers
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = [];

    /// <summary>The authority section: who is responsible, or for "no such name" the SOA that says how long this may be kept.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public IReadOnlyList<DnsRecord> Authorities
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = [];

    /// <summary>The additional section without EDNS's pseudo record.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public IReadOnlyList<DnsRecord> Additionals
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = [];

    /// <summary>Collects the addresses that answer the question: those of its name and of the names that it is an alias of, in the order of the message. Other records that a server may have put there are left out.</summary>
    public IPAddress[] GetAddresses()
    {
        HashSet<string> names = new(StringComparer.OrdinalIgnoreCase) { Question.Name };
        for (int step = 0; step < MaxAliases; step++)
        {
            bool grown = false;
            foreach (DnsRecord record in Answers)
            {
                grown |= record is DnsAliasRecord alias && names.Contains(alias.Name) && names.Add(alias.CanonicalName);
            }

            if (!grown)
            {
                break;
            }
        }

        return [.. Answers.OfType<DnsAddressRecord>().Where(record => record.Type == Question.Type && names.Contains(record.Name)).Select(record => record.Address)];
    }
}
