namespace TunFlow.PacketScripts.Language;

/// <summary>The fields of packets, for <c>using static</c>: <c>Window.Is(1000)</c>, <c>Mss.AtMost(1460)</c>.</summary>
internal static class Fields
{
    /// <summary>The sequence number, relative to the stack's SYN.</summary>
    public static readonly Field<uint> Seq = new("sequence number", p => p.IsTcp ? p.Seq : null);

    /// <summary>The acknowledgment number, relative to the application's SYN.</summary>
    public static readonly Field<uint> Ack = new("acknowledgment", p => p.IsTcp ? p.Ack : null);

    /// <summary>The window field as it stands in the header.</summary>
    public static readonly Field<int> Window = new("window", p => p.IsTcp ? p.Parsed.Window : null);

    public static readonly Field<int> Mss = new("MSS", p => p.Mss);

    public static readonly Field<int> WindowScale = new("window scale", p => p.WindowScale);

    /// <summary>Bytes of payload.</summary>
    public static readonly Field<int> Length = new("length", p => p.Parsed.Payload.Length);

    /// <summary>TTL or hop limit.</summary>
    public static readonly Field<int> HopLimit = new("hop limit", p => p.Parsed.Raw[p.Parsed.Header == 20 ? 8 : 7]);

    public static readonly Field<int> TotalLength = new("total length", p => p.Parsed.Raw.Length);

    /// <summary>Seconds since the script began.</summary>
    public static readonly Field<double> Time = new("time", p => p.At.TotalSeconds);

    public static readonly PacketCheck SackPermitted =
        new("SACK permitted", p => p.HasOption(4) ? null : "there is no SACK-permitted option");

    public static readonly PacketCheck Push =
        new("PSH", p => p.IsTcp && (p.Parsed.Flags & TcpFlags.Psh) != 0 ? null : "PSH is not set");

    /// <summary>SACK blocks in this order, relative to the application's SYN.</summary>
    public static PacketCheck Sack(params (uint Left, uint Right)[] blocks) =>
        new($"SACK {Text(blocks)}", p => p.SackBlocks.SequenceEqual(blocks) ? null : $"the SACK blocks are {Text(p.SackBlocks)}");

    private static string Text(IEnumerable<(uint Left, uint Right)> blocks) =>
        $"{{{string.Join(", ", blocks.Select(b => $"{b.Left}:{b.Right}"))}}}";
}
