namespace TunFlow.PacketScripts.Language;

/// <summary>The application as a receiver: takes what comes in order, checks each byte and each edge, and acknowledges.</summary>
internal sealed class Reader
{
    private readonly PacketScript _script;
    private uint _edge;

    /// <param name="edge">The right edge of the window that the stack knows of.</param>
    public Reader(PacketScript script, uint edge)
    {
        _script = script;
        _edge = edge;
    }

    /// <summary>The next number it expects.</summary>
    public uint Next { get; private set; } = 1;

    /// <summary>Segments that brought nothing new.</summary>
    public int Repetitions { get; private set; }

    /// <summary>Takes what is there. Returns the new bytes.</summary>
    public int Take()
    {
        uint before = Next;
        foreach (ReceivedPacket packet in _script.TakeAll())
        {
            int length = packet.Parsed.Payload.Length;
            _script.Require((packet.Parsed.Flags & TcpFlags.Rst) == 0, "no reset", packet.ToString());
            if (length == 0)
                continue;
            uint end = packet.Seq + (uint)length;
            // RFC 9293 3.8.6.1: a probe is one byte, whatever the window.
            _script.Require((int)(end - _edge) <= 0 || length == 1, $"nothing beyond {_edge}", packet.ToString());
            byte[] expected = Pattern.FromStack(packet.Seq - 1, length);
            _script.Require(packet.Parsed.Payload.Span.SequenceEqual(expected), "the stream's bytes", packet.ToString());
            if (packet.Seq == Next && (int)(end - _edge) <= 0)
                Next = end;
            else
                Repetitions++;
        }

        return (int)(Next - before);
    }

    /// <summary>Acknowledges what came and offers a window (not scaled).</summary>
    public void Acknowledge(int window, int data = 0)
    {
        uint edge = Next + (uint)window;
        if ((int)(edge - _edge) > 0)
            _edge = edge;
        _script.Send((data == 0 ? Tcp.Ack(ack: Next) : Tcp.Data(data, ack: Next)).Window(window));
    }

    /// <summary>Takes the window back: what was not sent yet must not come any more.</summary>
    public void Shrink(int window)
    {
        _edge = Next + (uint)window;
        _script.Send(Tcp.Ack(ack: Next).Window(window));
    }
}
