using System.Security.Cryptography;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>Bytes that do not repeat within a run, so that a lost, doubled or misplaced piece shows in the hash.</summary>
internal static class TestData
{
    internal static byte[] Create(int size, int seed = 1)
    {
        byte[] data = new byte[size];
        new Random(seed).NextBytes(data);
        return data;
    }

    internal static string Hash(ReadOnlySpan<byte> data) => Convert.ToHexStringLower(SHA256.HashData(data));
}
