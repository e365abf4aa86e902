using System.Globalization;

namespace TunFlow.Network.Resolvers;

/// <summary>What a resolver is asked. Equal to another one of the same name, in whatever case, type and class.</summary>
public sealed class DnsQuestion : IEquatable<DnsQuestion>
{
    /// <summary>Creates a question.</summary>
    /// <param name="name">
    /// A domain name, with or without the final dot; "." is the root. Letters beyond ASCII are encoded by IDNA. As in zone files (RFC 1035 section 5.1) <c>\.</c> is a dot
    /// within a label and <c>\DDD</c> the byte of that decimal value.
    /// </param>
    /// <param name="type">The type of the records wanted.</param>
    /// <param name="class">The class of the records wanted.</param>
    /// <exception cref="ArgumentException">The name is empty, has an empty label or one of more than 63 bytes, or is longer than 255 bytes.</exception>
    public DnsQuestion(string name, DnsRecordType type, DnsRecordClass @class = DnsRecordClass.Internet)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Span<byte> wire = stackalloc byte[DnsName.MaxLength];
        if (!DnsName.TryEncode(ToAscii(name), wire, out int length))
        {
            throw new ArgumentException($"'{name}' is not a domain name.", nameof(name));
        }

        WireName = wire[..length].ToArray();
        Name = DnsName.Format(WireName);
        Type = type;
        Class = @class;
    }

    /// <summary>The name in ASCII without the final dot, or "." for the root.</summary>
    public string Name { get; }

    /// <summary>The type of the records wanted.</summary>
    public DnsRecordType Type { get; }

    /// <summary>The class of the records wanted.</summary>
    public DnsRecordClass Class { get; }

    internal byte[] WireName { get; }

    /// <inheritdoc/>
    public bool Equals(DnsQuestion? other) =>
        other is not null && Type == other.Type && Class == other.Class && string.Equals(Name, other.Name, StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as DnsQuestion);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Type, Class, StringComparer.OrdinalIgnoreCase.GetHashCode(Name));

    /// <summary>"name type", for logs and messages.</summary>
    public override string ToString() => Class == DnsRecordClass.Internet ? $"{Name} {Type}" : $"{Name} {Class} {Type}";

    private static string ToAscii(string name)
    {
        if (System.Text.Ascii.IsValid(name))
        {
            return name;
        }

        try
        {
            return new IdnMapping().GetAscii(name);
        }
        catch (ArgumentException exception)
        {
            throw new ArgumentException($"'{name}' is not a domain name: {exception.Message}", nameof(name), exception);
        }
    }
}
