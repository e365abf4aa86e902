using System.Text;

namespace TunFlow.PacketScripts.Language;

/// <summary>
/// A TCP segment as a script writes it. Numbers are relative: the application's SYN and the stack's SYN have 0. What is
/// left out is filled in when it is sent (the next number, the last acknowledgment) and not looked at when it is expected.
/// </summary>
internal sealed record TcpTemplate(TcpFlags Control)
{
    public uint? SequenceNumber { get; init; }

    public uint? Acknowledgment { get; init; }

    public int? WindowField { get; init; }

    public int? MssOption { get; init; }

    public int? ScaleOption { get; init; }

    public bool SackOption { get; init; }

    /// <summary>Option bytes as they are, behind the others.</summary>
    public byte[] RawOptions { get; init; } = [];

    public byte[]? Bytes { get; init; }

    /// <summary>Bytes of payload.</summary>
    public int Length { get; init; }

    public int? UrgentPointer { get; init; }

    public bool HasFlag(TcpFlags flag) => (Control & flag) != 0;

    /// <summary>The space it takes among the sequence numbers.</summary>
    public int Span => Length + (HasFlag(TcpFlags.Syn) ? 1 : 0) + (HasFlag(TcpFlags.Fin) ? 1 : 0);

    public TcpTemplate Seq(uint value) => this with { SequenceNumber = value };

    public TcpTemplate Ack(uint value) => this with { Acknowledgment = value, Control = Control | TcpFlags.Ack };

    public TcpTemplate NoAck() => this with { Control = Control & ~TcpFlags.Ack };

    /// <summary>The window field, not scaled.</summary>
    public TcpTemplate Window(int value) => this with { WindowField = value };

    public TcpTemplate Mss(int value) => this with { MssOption = value };

    public TcpTemplate Scale(int value) => this with { ScaleOption = value };

    public TcpTemplate SackPermitted() => this with { SackOption = true };

    public TcpTemplate Options(params byte[] bytes) => this with { RawOptions = bytes };

    public TcpTemplate Payload(byte[] bytes) => this with { Bytes = bytes, Length = bytes.Length };

    public TcpTemplate Payload(string text) => Payload(Encoding.ASCII.GetBytes(text));

    public TcpTemplate Push() => this with { Control = Control | TcpFlags.Psh };

    public TcpTemplate Fin() => this with { Control = Control | TcpFlags.Fin };

    public TcpTemplate Urgent(int pointer) => this with { UrgentPointer = pointer };

    public byte[] BuildOptions()
    {
        List<byte> options = [];
        if (MssOption is { } mss)
            options.AddRange([2, 4, (byte)(mss >> 8), (byte)mss]);
        if (ScaleOption is { } scale)
            options.AddRange([1, 3, 3, (byte)scale]);
        if (SackOption)
            options.AddRange([1, 1, 4, 2]);
        options.AddRange(RawOptions);
        while (options.Count % 4 != 0)
            options.Add(0);
        return [.. options];
    }

    public override string ToString()
    {
        StringBuilder text = new();
        text.Append(PacketText.Flags(Control));
        if (SequenceNumber is { } seq)
            text.Append($", seq {seq}");
        if (Acknowledgment is { } ack)
            text.Append($", ack {ack}");
        if (WindowField is { } window)
            text.Append($", win {window}");
        return text.Append($", length {Length}").ToString();
    }
}
