using System.Globalization;
using System.Text;

namespace TunFlow.BindingGenerator.Parsing;

/// <summary>Reads the value of a macro that is one literal, as C would type it.</summary>
internal static class MacroValue
{
    /// <summary>
    /// The value of <paramref name="tokens"/>: an optional minus and an integer literal, or a string literal, in any
    /// number of parentheses. Null with <paramref name="reason"/> for everything else.
    /// </summary>
    public static object? Read(IReadOnlyList<string> tokens, out string reason)
    {
        var (first, last) = (0, tokens.Count - 1);
        while (first < last && tokens[first] == "(" && tokens[last] == ")")
            (first, last) = (first + 1, last - 1);

        reason = "a constant must be one integer or string literal";
        if (first == last)
            return tokens[first].StartsWith('"') ? ReadString(tokens[first], out reason) : ReadInteger(tokens[first], false, out reason);
        return last - first == 1 && tokens[first] == "-" ? ReadInteger(tokens[last], true, out reason) : null;
    }

    /// <summary>C 6.4.4.1: the first of the candidate types that holds the value. Types spelled with one 'l' are refused.</summary>
    private static object? ReadInteger(string token, bool negative, out string reason)
    {
        reason = $"'{token}' is not an integer literal";
        var digits = token.TrimEnd('u', 'U', 'l', 'L');
        var suffix = token[digits.Length..].ToUpperInvariant();
        if (digits.Length == 0 || !char.IsAsciiDigit(digits[0]))
            return null;
        if (suffix is not ("" or "U" or "LL" or "ULL" or "LLU"))
        {
            reason = $"'{token}': {ScalarTypes.LongReason}";
            return null;
        }

        var isDecimal = false;
        ulong value;
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            if (!ulong.TryParse(digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value))
                return null;
        }
        else if (digits.Length > 1 && digits[0] == '0' && digits.All(char.IsAsciiLetterOrDigit))
        {
            reason = $"'{token}' is octal or binary; write it in decimal or hexadecimal";
            return null;
        }
        else
        {
            isDecimal = true;
            if (!ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value))
                return null;
        }

        var isUnsigned = suffix.Contains('U', StringComparison.Ordinal);
        var isLong = suffix.Contains('L', StringComparison.Ordinal);
        object typed;
        if (!isUnsigned && !isLong && value <= int.MaxValue)
            typed = (int)value;
        else if (!isLong && value <= uint.MaxValue && (isUnsigned || !isDecimal))
            typed = (uint)value;
        else if (!isUnsigned && value <= long.MaxValue)
            typed = (long)value;
        else if (isUnsigned || !isDecimal)
            typed = value;
        else
            return null;
        return negative ? Negate(typed, out reason) : typed;
    }

    private static object? Negate(object value, out string reason)
    {
        reason = "minus on an unsigned literal stays unsigned in C";
        return value switch
        {
            int i => -i,
            long l => -l,
            _ => null,
        };
    }

    private static string? ReadString(string token, out string reason)
    {
        reason = "a string constant may hold printable ASCII and the escapes \\\\ and \\\" only";
        var result = new StringBuilder();
        for (var i = 1; i < token.Length - 1; i++)
        {
            var c = token[i];
            if (c == '\\')
            {
                c = token[++i];
                if (c is not ('\\' or '"') || i == token.Length - 1)
                    return null;
            }

            if (c is < ' ' or > '~')
                return null;
            result.Append(c);
        }

        return result.ToString();
    }
}
