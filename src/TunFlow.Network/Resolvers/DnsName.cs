using System.Globalization;
using System.Text;

namespace TunFlow.Network.Resolvers;

/// <summary>Domain names: from text to the uncompressed form of messages (RFC 1035 section 3.1) and back.</summary>
internal static class DnsName
{
    /// <summary>The longest name in a message, the length bytes and the root included.</summary>
    public const int MaxLength = 255;

    public const int MaxLabel = 63;

    /// <summary>Reads text.</summary>
    /// <param name="text">ASCII, the final dot or not.</param>
    /// <param name="wire">At least <see cref="MaxLength"/> bytes.</param>
    /// <param name="length">The length of the name in <paramref name="wire"/>.</param>
    public static bool TryEncode(ReadOnlySpan<char> text, Span<byte> wire, out int length)
    {
        length = 0;
        if (text is ".")
        {
            wire[length++] = 0;
            return true;
        }

        int position = 0;
        while (position < text.Length)
        {
            int lengthAt = length++;
            while (position < text.Length && text[position] != '.')
            {
                // The byte here and the root after it must fit.
                if (!TryReadByte(text, ref position, out byte value) || length - lengthAt > MaxLabel || length >= MaxLength - 1)
                {
                    return false;
                }

                wire[length++] = value;
            }

            int label = length - lengthAt - 1;
            if (label == 0)
            {
                return false;
            }

            wire[lengthAt] = (byte)label;
            position++;
        }

        if (length is 0 or >= MaxLength)
        {
            return false;
        }

        wire[length++] = 0;
        return true;
    }

    /// <summary>Writes a well-formed uncompressed name as text, without the final dot.</summary>
    public static string Format(ReadOnlySpan<byte> wire)
    {
        if (wire[0] == 0)
        {
            return ".";
        }

        StringBuilder text = new(wire.Length);
        for (int position = 0; wire[position] != 0; position += wire[position] + 1)
        {
            if (position > 0)
            {
                text.Append('.');
            }

            foreach (byte value in wire.Slice(position + 1, wire[position]))
            {
                if (value is (byte)'.' or (byte)'\\')
                {
                    text.Append('\\').Append((char)value);
                }
                else if (value is > 0x20 and < 0x7F)
                {
                    text.Append((char)value);
                }
                else
                {
                    text.Append('\\').Append(value.ToString("D3", CultureInfo.InvariantCulture));
                }
            }
        }

        return text.ToString();
    }

    /// <summary>Compares two uncompressed names without regard to the case of ASCII letters (RFC 4343). Length bytes are at most 63, so folding leaves them alone.</summary>
    public static bool Equal(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        if (left.Length != right.Length)
        {
            return false;
        }

        for (int i = 0; i < left.Length; i++)
        {
            if (Fold(left[i]) != Fold(right[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static int Fold(byte value) => value is >= (byte)'A' and <= (byte)'Z' ? value | 0x20 : value;

    private static bool TryReadByte(ReadOnlySpan<char> text, ref int position, out byte value)
    {
        char first = text[position++];
        value = (byte)first;
        if (first != '\\')
        {
            return first is > ' ' and < (char)0x7F;
        }

        if (position == text.Length)
        {
            return false;
        }

        if (!char.IsAsciiDigit(text[position]))
        {
            value = (byte)text[position];
            return text[position++] is > ' ' and < (char)0x7F;
        }

        if (text.Length - position < 3 || !byte.TryParse(text.Slice(position, 3), NumberStyles.None, CultureInfo.InvariantCulture, out value))
        {
            return false;
        }

        position += 3;
        return true;
    }
}
