using System.Buffers.Binary;

namespace TunFlow.Testing.Captures;

/// <summary>A pcapng file with one interface taken apart by the format's rules, independent of the code that writes it. Anything irregular is an error.</summary>
public sealed class CaptureFile
{
    private readonly List<CapturedPacket> _packets = [];

    private CaptureFile(ReadOnlySpan<byte> file)
    {
        while (!file.IsEmpty)
        {
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(file);
            int length = BinaryPrimitives.ReadInt32LittleEndian(file[4..]);
            Require(length >= 12 && length % 4 == 0 && length <= file.Length, $"a block of {length} bytes");
            Require(BinaryPrimitives.ReadInt32LittleEndian(file[(length - 4)..]) == length, "both lengths of a block agree");
            AddBlock(type, file[8..(length - 4)]);
            file = file[length..];
        }
    }

    public string? Name { get; private set; }

    public string? Description { get; private set; }

    public int SnapLength { get; private set; }

    public int LinkType { get; private set; } = -1;

    public int Resolution { get; private set; }

    public IReadOnlyList<CapturedPacket> Packets => _packets;

    /// <summary>The statistics block by option code: 4 received, 5 dropped, 6 accepted by the filter, 8 delivered; null while the file isn't ended.</summary>
    public Dictionary<int, ulong>? Statistics { get; private set; }

    /// <summary>When the capture started, in nanoseconds since 1970; known once it is ended.</summary>
    public ulong Started { get; private set; }

    /// <summary>When it ended, likewise.</summary>
    public ulong Ended { get; private set; }

    public static CaptureFile Read(string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return new CaptureFile(bytes);
    }

    public static CaptureFile Parse(ReadOnlySpan<byte> bytes) => new(bytes);

    private void AddBlock(uint type, ReadOnlySpan<byte> body)
    {
        Require(Statistics is null, "nothing behind the statistics");
        switch (type)
        {
            case 0x0A0D0D0A:
                Require(LinkType < 0 && BinaryPrimitives.ReadUInt32LittleEndian(body) == 0x1A2B3C4D, "one section in front, little-endian");
                _ = Options(body[16..]);
                break;
            case 1:
                Require(LinkType < 0, "one interface");
                LinkType = BinaryPrimitives.ReadUInt16LittleEndian(body);
                SnapLength = BinaryPrimitives.ReadInt32LittleEndian(body[4..]);
                Dictionary<int, byte[]> options = Options(body[8..]);
                Name = Text(options, 2);
                Description = Text(options, 3);
                Resolution = options[9].Single();
                break;
            case 6:
                int captured = BinaryPrimitives.ReadInt32LittleEndian(body[12..]);
                int padded = (captured + 3) / 4 * 4;
                Require(BinaryPrimitives.ReadInt32LittleEndian(body) == 0, "the packet's interface");
                Require(!body[(20 + captured)..(20 + padded)].ContainsAnyExcept((byte)0), "the padding is zeros");
                _packets.Add(new CapturedPacket(
                    Time(body[4..]),
                    body.Slice(20, captured).ToArray(),
                    BinaryPrimitives.ReadInt32LittleEndian(body[16..]),
                    BinaryPrimitives.ReadInt32LittleEndian(Options(body[(20 + padded)..])[2]) & 3));
                break;
            case 5:
                Dictionary<int, byte[]> statistics = Options(body[12..]);
                Require(BinaryPrimitives.ReadInt32LittleEndian(body) == 0, "the statistics' interface");
                (Started, Ended) = (Time(statistics[2]), Time(statistics[3]));
                Require(Time(body[4..]) == Ended, "the statistics are those of the end");
                Statistics = statistics.Where(option => option.Key >= 4).ToDictionary(option => option.Key, option => BinaryPrimitives.ReadUInt64LittleEndian(option.Value));
                break;
            default:
                Require(false, $"block type {type}");
                break;
        }
    }

    private static ulong Time(ReadOnlySpan<byte> field) => ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(field) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(field[4..]);

    private static string? Text(Dictionary<int, byte[]> options, int code) => options.TryGetValue(code, out byte[]? value) ? System.Text.Encoding.UTF8.GetString(value) : null;

    private static Dictionary<int, byte[]> Options(ReadOnlySpan<byte> rest)
    {
        Dictionary<int, byte[]> options = [];
        while (true)
        {
            int code = BinaryPrimitives.ReadUInt16LittleEndian(rest);
            int length = BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]);
            if (code == 0)
            {
                Require(length == 0 && rest.Length == 4, "the end of the options is the end of the block");
                return options;
            }

            options.Add(code, rest.Slice(4, length).ToArray());
            rest = rest[(4 + ((length + 3) / 4 * 4))..];
        }
    }

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new FormatException("Not as the format wants it: " + what);
        }
    }
}
