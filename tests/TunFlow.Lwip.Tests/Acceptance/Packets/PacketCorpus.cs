using System.Buffers.Binary;
using System.Reflection;

namespace TunFlow.Lwip.Tests.Acceptance.Packets;

/// <summary>Packets that the native fuzzer's programs send: a committed choice of them, or the capture that a campaign made of its whole corpus.</summary>
internal static class PacketCorpus
{
    private const int FileHeader = 24;
    private const int RecordHeader = 16;

    /// <summary>A capture of a grown corpus has gigabytes.</summary>
    private const int Most = 200_000;

    /// <summary>Packets of at most <paramref name="longest"/> bytes, none of them empty; of more than can be kept a choice in which each is as likely.</summary>
    public static IReadOnlyList<byte[]> Read(int longest)
    {
        string file = Environment.GetEnvironmentVariable("TUNFLOW_CAMPAIGN_CAPTURE") ?? Path.Combine(Root, "native", "fuzz", "corpus", "packets.pcap");
        using FileStream capture = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 20);
        Span<byte> header = stackalloc byte[FileHeader];
        capture.ReadExactly(header);
        Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(header), Is.EqualTo(0xA1B2C3D4), $"{file} is a capture file");
        Random choice = new(1);
        List<byte[]> packets = [];
        int seen = 0;
        while (capture.ReadAtLeast(header[..RecordHeader], RecordHeader, throwOnEndOfStream: false) == RecordHeader)
        {
            byte[] packet = new byte[BinaryPrimitives.ReadInt32LittleEndian(header[8..])];
            capture.ReadExactly(packet);
            if (packet.Length == 0 || packet.Length > longest)
                continue;
            int place = seen++ < Most ? packets.Count : choice.Next(seen);
            if (place == packets.Count && place < Most)
                packets.Add(packet);
            else if (place < Most)
                packets[place] = packet;
        }

        return packets;
    }

    private static string Root => typeof(PacketCorpus).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "RepositoryRoot").Value!;
}
