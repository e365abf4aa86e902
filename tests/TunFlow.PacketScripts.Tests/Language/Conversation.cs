using System.Net;
using TunFlow.Interop;

namespace TunFlow.PacketScripts.Language;

/// <summary>One pair of endpoints: the numbers of both sides, and the flow that the stack has for it.</summary>
internal sealed class Conversation
{
    public Conversation(IPEndPoint application, IPEndPoint remote, uint initial)
    {
        Application = application;
        Remote = remote;
        ApplicationInitial = initial;
    }

    public IPEndPoint Application { get; }

    public IPEndPoint Remote { get; }

    /// <summary>The number of the application's SYN. Near the end of the space by default, so that every script wraps.</summary>
    public uint ApplicationInitial { get; set; }

    /// <summary>The number of the stack's SYN; 0 before there was one.</summary>
    public uint StackInitial { get; private set; }

    /// <summary>Relative number of the next segment that the application sends.</summary>
    public uint NextToSend { get; set; }

    /// <summary>Relative number that the application expects next.</summary>
    public uint NextExpected { get; private set; }

    /// <summary>The window field that the application sends unless a segment says otherwise.</summary>
    public int Window { get; set; } = 65535;

    /// <summary>The stack's id of the flow, 0 while there is none.</summary>
    public ulong Id { get; set; }

    /// <summary>Everything that the stack reported and no <c>Expect</c> took yet.</summary>
    public TfEventFlags Events { get; set; }

    /// <summary>With <see cref="TfEventFlags.Closed"/>: why.</summary>
    public TfStatus ClosedStatus { get; set; }

    public uint BytesRead { get; set; }

    public uint BytesWritten { get; set; }

    public bool Matches(ParsedPacket packet) => packet.Source.Equals(Remote) && packet.Destination.Equals(Application);

    /// <summary>The last window and acknowledgment of the stack give the right edge of its window.</summary>
    public uint RightEdge { get; private set; }

    public void OnPacket(ParsedPacket packet)
    {
        if ((packet.Flags & (TcpFlags.Syn | TcpFlags.Rst)) == TcpFlags.Syn)
        {
            StackInitial = packet.Sequence;
            NextExpected = 1;
        }

        if ((packet.Flags & (TcpFlags.Rst | TcpFlags.Ack)) == TcpFlags.Ack)
            RightEdge = packet.Acknowledgment - ApplicationInitial + (uint)packet.Window;
        uint seq = packet.Sequence - StackInitial;
        uint end = seq + (uint)packet.Payload.Length + ((packet.Flags & TcpFlags.Fin) != 0 ? 1u : 0u);
        if ((packet.Flags & TcpFlags.Rst) == 0 && (int)(seq - NextExpected) <= 0 && (int)(end - NextExpected) > 0)
            NextExpected = end;
    }
}
