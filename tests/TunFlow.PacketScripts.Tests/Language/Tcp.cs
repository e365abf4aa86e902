namespace TunFlow.PacketScripts.Language;

/// <summary>Segments to send or to expect.</summary>
internal static class Tcp
{
    public static TcpTemplate Syn(uint? seq = null) => new(TcpFlags.Syn) { SequenceNumber = seq };

    public static TcpTemplate SynAck(uint? seq = null, uint? ack = null) => With(TcpFlags.Syn | TcpFlags.Ack, seq, ack);

    public static TcpTemplate Ack(uint? ack = null, uint? seq = null) => With(TcpFlags.Ack, seq, ack);

    public static TcpTemplate Fin(uint? seq = null, uint? ack = null) => With(TcpFlags.Fin | TcpFlags.Ack, seq, ack);

    /// <summary>A reset without ACK.</summary>
    public static TcpTemplate Rst(uint? seq = null) => new(TcpFlags.Rst) { SequenceNumber = seq };

    public static TcpTemplate RstAck(uint? seq = null, uint? ack = null) => With(TcpFlags.Rst | TcpFlags.Ack, seq, ack);

    /// <summary>Payload of the stream's pattern.</summary>
    public static TcpTemplate Data(int length, uint? seq = null, uint? ack = null) =>
        With(TcpFlags.Ack, seq, ack) with { Length = length };

    public static TcpTemplate Data(string text, uint? seq = null, uint? ack = null) => With(TcpFlags.Ack, seq, ack).Payload(text);

    private static TcpTemplate With(TcpFlags flags, uint? seq, uint? ack) =>
        new(flags) { SequenceNumber = seq, Acknowledgment = ack };
}
