namespace TunFlow.PacketScripts.Language;

/// <content>Packets from the stack.</content>
internal sealed partial class PacketScript
{
    /// <summary>Takes the next packet, which must be this segment and meet every check.</summary>
    public ReceivedPacket Expect(TcpTemplate template, params PacketCheck[] checks)
    {
        string expected = $"{template}{With(checks)}";
        ReceivedPacket packet = Next(expected);
        if (!packet.IsTcp)
            Fail(expected, packet.ToString(), packet);
        if (Difference(template, packet) is { } difference)
            Fail(expected, difference, packet);
        Verify(expected, packet, checks);
        return packet;
    }

    /// <summary>Takes the next packet of whatever protocol.</summary>
    public ReceivedPacket Expect(params PacketCheck[] checks)
    {
        string expected = $"a packet{With(checks)}";
        ReceivedPacket packet = Next(expected);
        Verify(expected, packet, checks);
        return packet;
    }

    /// <summary>The same, and waits for it: until it comes time moves on, by at most <paramref name="seconds"/>.</summary>
    public ReceivedPacket ExpectWithin(double seconds, TcpTemplate template, params PacketCheck[] checks)
    {
        if (_unexpected.Count == 0)
            AdvanceTo(_now + (ulong)Math.Round(seconds * 1_000_000), () => _unexpected.Count > 0);
        return Expect(template, checks);
    }

    /// <summary>Every packet that came has been expected.</summary>
    public void ExpectNothing()
    {
        if (_unexpected.TryPeek(out ReceivedPacket? packet))
            Fail("no packet", packet.ToString(), packet);
    }

    /// <summary>And none comes for so long.</summary>
    public void ExpectNothing(double seconds)
    {
        ExpectNothing();
        Advance(seconds);
        ExpectNothing();
    }

    /// <summary>Takes every packet that came, for checks of another kind.</summary>
    public IReadOnlyList<ReceivedPacket> TakeAll()
    {
        ReceivedPacket[] all = [.. _unexpected];
        _unexpected.Clear();
        return all;
    }

    /// <summary>Asks something else of the script; a failure shows the listing, too.</summary>
    public void Require(bool condition, string expected, string instead)
    {
        if (!condition)
            Fail(expected, instead);
    }

    private static string With(PacketCheck[] checks) =>
        checks.Length == 0 ? "" : " with " + string.Join(", ", checks.Select(c => c.Expectation));

    private static string? Difference(TcpTemplate template, ReceivedPacket packet)
    {
        const TcpFlags Compared = TcpFlags.Syn | TcpFlags.Fin | TcpFlags.Rst | TcpFlags.Ack;
        if ((packet.Parsed.Flags & Compared) != (template.Control & Compared))
            return $"flags {PacketText.Flags(packet.Parsed.Flags)}";
        if (template.SequenceNumber is { } seq && seq != packet.Seq)
            return $"seq {packet.Seq}";
        if (template.Acknowledgment is { } ack && ack != packet.Ack)
            return $"ack {packet.Ack}";
        if (template.WindowField is { } window && window != packet.Parsed.Window)
            return $"win {packet.Parsed.Window}";
        if (template.HasFlag(TcpFlags.Psh) && (packet.Parsed.Flags & TcpFlags.Psh) == 0)
            return "no PSH";
        if (packet.Parsed.Payload.Length != template.Length)
            return $"length {packet.Parsed.Payload.Length}";
        byte[] bytes = template.Bytes ?? Pattern.FromStack(packet.Seq - 1, template.Length);
        int wrong = packet.Parsed.Payload.Span.CommonPrefixLength(bytes);
        return wrong < bytes.Length ? $"another byte at {wrong} of the payload" : null;
    }

    private ReceivedPacket Next(string expected)
    {
        if (!_unexpected.TryDequeue(out ReceivedPacket? packet))
            Fail(expected, "there is no packet");
        return packet;
    }

    private void Verify(string expected, ReceivedPacket packet, PacketCheck[] checks)
    {
        foreach (PacketCheck check in checks)
        {
            if (check.Fault(packet) is { } fault)
                Fail(expected, fault, packet);
        }
    }
}
