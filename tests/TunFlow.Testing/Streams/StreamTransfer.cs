using System.Security.Cryptography;
using TunFlow.Network;

namespace TunFlow.Testing;

/// <summary>Sends and checks reproducible bytes.</summary>
public static class StreamTransfer
{
    /// <summary>Makes reproducible bytes without a short period, so that a lost or doubled block shows.</summary>
    /// <param name="length">How many.</param>
    /// <param name="seed">Which.</param>
    public static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
#pragma warning disable CA5394 // Test data, not secrets: it must be reproducible.
        new Random(seed).NextBytes(bytes);
#pragma warning restore CA5394
        return bytes;
    }

    /// <summary>Writes everything in pieces of changing size and half-closes if asked to.</summary>
    /// <param name="connection">Where to.</param>
    /// <param name="data">What.</param>
    /// <param name="complete">Whether to half-close afterwards.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task SendAsync(StreamConnection connection, ReadOnlyMemory<byte> data, bool complete, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        int size = 1;
        while (!data.IsEmpty)
        {
            int count = Math.Min(size, data.Length);
            await connection.WriteAsync(data[..count], cancellationToken).ConfigureAwait(false);
            data = data[count..];
            size = size > 100_000 ? 1 : (size * 3) + 1;
        }

        if (complete)
        {
            await connection.CompleteWritesAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Reads until the end of the stream.</summary>
    /// <param name="connection">Where from.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How many bytes came and their SHA-256 in hexadecimal digits.</returns>
    public static async Task<(long Length, string Sha256)> ReceiveToEndAsync(StreamConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[48 * 1024];
        long length = 0;
        while (true)
        {
            int read = await connection.ReadAsync(buffer.AsMemory(), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                return (length, Convert.ToHexString(hash.GetHashAndReset()));
            }

            hash.AppendData(buffer, 0, read);
            length += read;
        }
    }

    /// <summary>The SHA-256 of some bytes in hexadecimal digits.</summary>
    /// <param name="data">The bytes.</param>
    public static string Sha256(ReadOnlySpan<byte> data) => Convert.ToHexString(SHA256.HashData(data));
}
