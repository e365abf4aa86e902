using System.Globalization;
using System.Text;

namespace TunFlow.Network;

/// <summary>What DNS can carry as a name (RFC 1035 section 2.3.4, RFC 1123 section 2.1).</summary>
internal static class HostName
{
    // 255 bytes on the wire: each label has a length byte, and the root one of its own.
    private const int MaxLength = 253;
    private const int MaxLabelLength = 63;

    // RFC 3490 section 3.1: what people type instead of a full stop.
    private const string Dots = ".\u3002\uFF0E\uFF61";

    /// <summary>Checks a name and brings one of other letters than ASCII into its ASCII form (RFC 5891). The letters' case is kept.</summary>
    /// <param name="text">The name, with or without a dot at the end.</param>
    /// <param name="name">The name in ASCII.</param>
    /// <returns>What is wrong, or null.</returns>
    public static string? TryNormalize(ReadOnlySpan<char> text, out string name)
    {
        name = string.Empty;
        if (!Ascii.IsValid(text))
        {
            try
            {
                name = ToAscii(text.ToString());
            }
            catch (ArgumentException exception)
            {
                return exception.Message;
            }

            text = name;
        }

        string? error = Check(text);
        if (error is null && name.Length == 0)
        {
            name = text.ToString();
        }

        return error;
    }

    // Only the labels that need it: a name that is partly ASCII keeps that part's case.
    private static string ToAscii(string text)
    {
        IdnMapping mapping = new() { AllowUnassigned = true };
        string[] labels = text.Split(Dots.ToCharArray());
        for (int i = 0; i < labels.Length; i++)
        {
            if (!Ascii.IsValid(labels[i]))
            {
                labels[i] = mapping.GetAscii(labels[i].ToLowerInvariant().Normalize(NormalizationForm.FormC));
            }
        }

        return string.Join('.', labels);
    }

    private static string? Check(ReadOnlySpan<char> name)
    {
        if (name.EndsWith('.'))
        {
            name = name[..^1];
        }

        if (name.Length > MaxLength)
        {
            return $"A host name has at most {MaxLength} bytes.";
        }

        bool numeric = true;
        foreach (Range range in name.Split('.'))
        {
            ReadOnlySpan<char> label = name[range];
            if (label.IsEmpty)
            {
                return "The host name has an empty label.";
            }

            if (label.Length > MaxLabelLength)
            {
                return $"A label of a host name has at most {MaxLabelLength} bytes.";
            }

            foreach (char letter in label)
            {
                // Underscores aren't in RFC 1123, but in many names that are looked up.
                if (!char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '_'))
                {
                    return $"The host name has a character that names don't have (U+{(int)letter:X4}).";
                }
            }

            numeric = IsNumeric(label);
        }

        // "127.1", "0x7f000001" or "256.0.0.1": resolvers of old take some of them for addresses, and so would reach what a check of the name didn't see.
        return numeric ? "The host is neither an address nor a name." : null;
    }

    private static bool IsNumeric(ReadOnlySpan<char> label)
    {
        bool hexadecimal = label.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return hexadecimal ? !label[2..].ContainsAnyExcept(s_hexadecimalDigits) : !label.ContainsAnyExceptInRange('0', '9');
    }

    private static readonly System.Buffers.SearchValues<char> s_hexadecimalDigits = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF");
}
