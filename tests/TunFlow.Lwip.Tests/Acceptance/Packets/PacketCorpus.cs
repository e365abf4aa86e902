using System.Buffers.Binary;
using System.Reflection;

namespace TunFlow.Lwip.Tests.Acceptance.Packets;

/// <summary>Packets that the native fuzzer's programs send: a committed choice of them, or the capture that a campaign made of its whole corpus.</summary>
internal static class PacketCorpus
{
    /// <summary>Packets of at most <paramref name="longest"/> bytes, none of them empty.</summary>
    public static IReadOnlyList<byte[]> Read(int longest)
    {
        string file = Environment.GetEnvironmentVariable("TUNFLOW_CAMPAIGN_CAPTURE") ?? Path.Combine(Root, "native", "fuzz", "corpus", "packets.pcap");
        byte[] bytes = File.ReadAllBytes(file);
        Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(bytes), Is.EqualTo(0xA1B2C3D4), $"{file} is a capture file");
        List<byte[]> packets = [];
        for (int at = 24; at < bytes.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 8));
            if (length > 0 && length <= longest)
                packets.Add(bytes.AsSpan(at + 16, length).ToArray());
            at += 16 + length;
        }

        return packets;
    }

    private static string Root => typeof(PacketCorpus).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "RepositoryRoot").Value!;
}
