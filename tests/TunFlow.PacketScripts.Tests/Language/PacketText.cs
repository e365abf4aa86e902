using System.Globalization;

namespace TunFlow.PacketScripts.Language;

/// <summary>Packets in words, much as tcpdump prints them.</summary>
internal static class PacketText
{
    public static string Flags(TcpFlags flags)
    {
        string text = string.Concat(
            (flags & TcpFlags.Syn) != 0 ? "S" : "",
            (flags & TcpFlags.Fin) != 0 ? "F" : "",
            (flags & TcpFlags.Rst) != 0 ? "R" : "",
            (flags & TcpFlags.Psh) != 0 ? "P" : "",
            (flags & TcpFlags.Ack) != 0 ? "." : "");
        return $"[{(text.Length == 0 ? "none" : text)}]";
    }

    public static string Time(TimeSpan time) => time.TotalSeconds.ToString("F6", CultureInfo.InvariantCulture);

    public static string Describe(ReceivedPacket packet)
    {
        ParsedPacket parsed = packet.Parsed;
        if (parsed.IsFragment)
            return $"fragment of protocol {parsed.Protocol}, {parsed.Raw.Length} bytes";
        return parsed.Protocol switch
        {
            PacketBuilder.Tcp => Segment(packet),
            PacketBuilder.Udp => $"UDP {parsed.Source} > {parsed.Destination}, length {parsed.Payload.Length}",
            PacketBuilder.Icmp => $"ICMP type {parsed.IcmpType} code {parsed.IcmpCode}, length {parsed.Payload.Length}",
            PacketBuilder.IcmpV6 => $"ICMPv6 type {parsed.IcmpType} code {parsed.IcmpCode}, length {parsed.Payload.Length}",
            _ => $"protocol {parsed.Protocol}, length {parsed.Payload.Length}",
        };
    }

    public static string Options(int? mss, int? scale, bool sackPermitted, IReadOnlyList<(uint Left, uint Right)> sack)
    {
        List<string> options = [];
        if (mss is not null)
            options.Add($"mss {mss}");
        if (scale is not null)
            options.Add($"wscale {scale}");
        if (sackPermitted)
            options.Add("sackOK");
        if (sack.Count > 0)
            options.Add("sack " + string.Join(" ", sack.Select(b => $"{b.Left}:{b.Right}")));
        return options.Count == 0 ? "" : $", options [{string.Join(",", options)}]";
    }

    private static string Segment(ReceivedPacket packet)
    {
        int length = packet.Parsed.Payload.Length;
        string end = length > 0 ? $":{packet.Seq + (uint)length}" : "";
        string ack = (packet.Parsed.Flags & TcpFlags.Ack) != 0 ? $", ack {packet.Ack}" : "";
        return $"{Flags(packet.Parsed.Flags)}, seq {packet.Seq}{end}{ack}, win {packet.Parsed.Window}"
            + $"{Options(packet.Mss, packet.WindowScale, packet.HasOption(4), packet.SackBlocks)}, length {length}";
    }
}
