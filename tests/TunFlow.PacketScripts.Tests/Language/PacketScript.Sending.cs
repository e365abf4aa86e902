namespace TunFlow.PacketScripts.Language;

/// <content>Packets for the stack.</content>
internal sealed partial class PacketScript
{
    /// <summary>Sends a segment of the main conversation, or of <paramref name="of"/>.</summary>
    public void Send(TcpTemplate template, Conversation? of = null)
    {
        Conversation conversation = of ?? Main;
        uint seq = template.SequenceNumber ?? conversation.NextToSend;
        byte[] payload = template.Bytes ?? Pattern.FromApplication(seq - 1, template.Length);
        TcpTemplate sent = template with
        {
            SequenceNumber = seq,
            Acknowledgment = template.HasFlag(TcpFlags.Ack) ? template.Acknowledgment ?? conversation.NextExpected : template.Acknowledgment,
            WindowField = template.WindowField ?? conversation.Window,
        };
        if (seq == conversation.NextToSend && !template.HasFlag(TcpFlags.Rst))
            conversation.NextToSend += (uint)template.Span;
        Note("<", Text(conversation) + Describe(sent));
        Deliver(Build(conversation, sent, payload));
    }

    /// <summary>Sends bytes as they are.</summary>
    public void SendRaw(byte[] packet, string what)
    {
        Note("<", $"{what} ({packet.Length} bytes)");
        Deliver(packet);
    }

    /// <summary>Sends a datagram of <paramref name="length"/> bytes from the application's endpoint.</summary>
    public void SendDatagram(int length, Conversation? of = null) =>
        SendRaw(Datagram(length, of), $"UDP, length {length}");

    /// <summary>The packet of a datagram, to be cut or spoiled.</summary>
    public byte[] Datagram(int length, Conversation? of = null)
    {
        Conversation conversation = of ?? Main;
        return PacketBuilder.UdpDatagram(conversation.Application, conversation.Remote, Pattern.FromApplication(0, length));
    }

    /// <summary>The packet of a segment, to be cut or spoiled.</summary>
    public byte[] Segment(TcpTemplate template, Conversation? of = null)
    {
        Conversation conversation = of ?? Main;
        uint seq = template.SequenceNumber ?? conversation.NextToSend;
        byte[] payload = template.Bytes ?? Pattern.FromApplication(seq - 1, template.Length);
        TcpTemplate whole = template with
        {
            SequenceNumber = seq,
            Acknowledgment = template.Acknowledgment ?? conversation.NextExpected,
            WindowField = template.WindowField ?? conversation.Window,
        };
        return Build(conversation, whole, payload);
    }

    private static byte[] Build(Conversation conversation, TcpTemplate template, byte[] payload)
    {
        uint ack = template.Acknowledgment is { } value ? conversation.StackInitial + value : 0;
        byte[] packet = PacketBuilder.TcpSegment(
            conversation.Application, conversation.Remote, conversation.ApplicationInitial + template.SequenceNumber!.Value,
            ack, template.Control, template.WindowField!.Value, template.BuildOptions(), payload);
        if (template.UrgentPointer is { } urgent)
            PacketEdit.SetUrgent(packet, urgent);
        return packet;
    }

    private static string Describe(TcpTemplate sent)
    {
        string end = sent.Length > 0 ? $":{sent.SequenceNumber + (uint)sent.Length}" : "";
        string ack = sent.HasFlag(TcpFlags.Ack) ? $", ack {sent.Acknowledgment}" : "";
        return $"{PacketText.Flags(sent.Control)}, seq {sent.SequenceNumber}{end}{ack}, win {sent.WindowField}"
            + $"{PacketText.Options(sent.MssOption, sent.ScaleOption, sent.SackOption, [])}, length {sent.Length}";
    }

    private string Text(Conversation conversation) => conversation == Main ? "" : $"port {conversation.Application.Port}: ";

    private void Deliver(byte[] packet)
    {
        LastTaken = _stack.Input(_now, packet) == 1;
        Pump();
    }

    /// <summary>Whether the last packet passed the filter.</summary>
    public bool LastTaken { get; private set; }
}
