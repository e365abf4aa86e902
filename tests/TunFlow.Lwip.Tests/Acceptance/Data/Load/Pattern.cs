using System.Security.Cryptography;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>Streams of bytes of which each place can be told from every other, made and verified without allocation.</summary>
internal static class Pattern
{
    private const int Period = 65_521; // a prime: no segment or buffer size divides it
    private static readonly byte[] s_table = CreateTable();

    /// <summary>Writes what stands at this offset of the stream.</summary>
    public static void Fill(Span<byte> bytes, int stream, long offset)
    {
        while (!bytes.IsEmpty)
        {
            ReadOnlySpan<byte> part = From(stream, offset, bytes.Length);
            part.CopyTo(bytes);
            bytes = bytes[part.Length..];
            offset += part.Length;
        }
    }

    /// <summary>Whether this is what stands at this offset of the stream.</summary>
    public static bool Matches(ReadOnlySpan<byte> bytes, int stream, long offset)
    {
        while (!bytes.IsEmpty)
        {
            ReadOnlySpan<byte> part = From(stream, offset, bytes.Length);
            if (!bytes[..part.Length].SequenceEqual(part))
                return false;
            bytes = bytes[part.Length..];
            offset += part.Length;
        }

        return true;
    }

    /// <summary>SHA-256 of the stream's first bytes.</summary>
    public static byte[] Hash(int stream, long length)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long offset = 0; offset < length;)
        {
            ReadOnlySpan<byte> part = From(stream, offset, (int)Math.Min(Period, length - offset));
            hash.AppendData(part);
            offset += part.Length;
        }

        return hash.GetHashAndReset();
    }

    private static ReadOnlySpan<byte> From(int stream, long offset, int most)
    {
        int place = (int)((offset + (stream * 7919L)) % Period);
        return s_table.AsSpan(place, Math.Min(most, s_table.Length - place));
    }

    private static byte[] CreateTable()
    {
        // Twice, so that a piece from any place on is whole.
        byte[] table = new byte[2 * Period];
        new Random(1).NextBytes(table.AsSpan(0, Period));
        table.AsSpan(0, Period).CopyTo(table.AsSpan(Period));
        return table;
    }
}
