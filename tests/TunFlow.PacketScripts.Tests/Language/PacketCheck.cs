namespace TunFlow.PacketScripts.Language;

/// <summary>Something that is asked of a packet. Checks are joined with <c>&amp;</c>, <c>|</c> and <c>!</c>.</summary>
internal sealed class PacketCheck
{
    private readonly Func<ReceivedPacket, string?> _fault;

    public PacketCheck(string expectation, Func<ReceivedPacket, string?> fault)
    {
        Expectation = expectation;
        _fault = fault;
    }

    /// <summary>In words: "window = 1000".</summary>
    public string Expectation { get; }

    /// <summary>What is there instead, or null if the packet is as expected.</summary>
    public string? Fault(ReceivedPacket packet) => _fault(packet);

    public static PacketCheck operator &(PacketCheck left, PacketCheck right) =>
        new($"{left.Expectation} and {right.Expectation}", p => left.Fault(p) ?? right.Fault(p));

    public static PacketCheck operator |(PacketCheck left, PacketCheck right) =>
        new($"({left.Expectation} or {right.Expectation})", p => left.Fault(p) is { } fault && right.Fault(p) is not null ? fault : null);

    public static PacketCheck operator !(PacketCheck check) =>
        new($"not ({check.Expectation})", p => check.Fault(p) is null ? check.Expectation : null);
}
