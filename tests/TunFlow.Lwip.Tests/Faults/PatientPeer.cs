using System.Net;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Faults;

/// <summary>An application's TCP that repeats what is not acknowledged with every <see cref="Poll"/>, until it is through or was told that it is over.</summary>
internal sealed class PatientPeer(Action<byte[]> send, IPEndPoint local, IPEndPoint remote, byte[] data, bool resets = false)
{
    private const uint InitialSequence = 0x1000;
    private const int Mss = 1400;
    private const int Burst = 4;

    private readonly MemoryStream _received = new();
    private bool _open;
    private uint _expected;
    private uint _acknowledged;
    private uint _burst;
    private int _polls;

    public IPEndPoint Local => local;

    public bool WasReset { get; private set; }

    public bool FinReceived { get; private set; }

    /// <summary>Nothing is left to do: all was said and heard, or the connection is over.</summary>
    public bool IsDone => WasReset || (resets && _polls > 5) || (FinReceived && _acknowledged == (uint)data.Length + 2);

    public ReadOnlySpan<byte> Received => _received.GetBuffer().AsSpan(0, (int)_received.Length);

    public override string ToString() => $"{local} > {remote}: open {_open}, acknowledged {_acknowledged} of {data.Length + 2}, received {_received.Length}, FIN {FinReceived}, reset {WasReset}";

    public void Poll()
    {
        if (IsDone)
            return;
        if (!_open)
        {
            send(PacketBuilder.TcpSegment(local, remote, InitialSequence, 0, TcpFlags.Syn, 65_535, [2, 4, Mss >> 8, Mss & 0xFF]));
            return;
        }

        if (resets && ++_polls > 5)
        {
            send(PacketBuilder.TcpSegment(local, remote, InitialSequence + Math.Max(_acknowledged, 1), _expected, TcpFlags.Rst | TcpFlags.Ack, 0));
            return;
        }

        // One byte of sequence space belongs to the SYN.
        int offset = Math.Max((int)_acknowledged - 1, 0);
        for (int i = 0; i < Burst && offset < data.Length; i++)
        {
            int length = Math.Min(Mss, data.Length - offset);
            Send(TcpFlags.Ack | TcpFlags.Psh, offset, data.AsSpan(offset, length));
            offset += length;
        }

        _burst = (uint)offset + 1;
        if (offset >= data.Length && !resets)
            Send(TcpFlags.Ack | TcpFlags.Fin, data.Length);
    }

    public void OnPacket(ParsedPacket packet)
    {
        if ((packet.Flags & TcpFlags.Rst) != 0)
        {
            WasReset = true;
            return;
        }

        _acknowledged = Math.Max(_acknowledged, packet.Acknowledgment - InitialSequence);
        bool fin = (packet.Flags & TcpFlags.Fin) != 0;
        if ((packet.Flags & TcpFlags.Syn) != 0)
        {
            _open = true;
            _expected = _expected == 0 ? packet.Sequence + 1 : _expected;
        }
        else if (packet.Sequence == _expected && !FinReceived)
        {
            _received.Write(packet.Payload.Span);
            _expected += (uint)packet.Payload.Length + (fin ? 1u : 0u);
            FinReceived |= fin;
        }

        if (packet.Payload.Length != 0 || fin || (packet.Flags & TcpFlags.Syn) != 0)
            Send(TcpFlags.Ack, Math.Max((int)_acknowledged - 1, 0));
        else if (_acknowledged >= _burst && _burst <= (uint)data.Length)
            Poll(); // the whole burst arrived: the next one
    }

    private void Send(TcpFlags flags, int offset, ReadOnlySpan<byte> payload = default) =>
        send(PacketBuilder.TcpSegment(local, remote, InitialSequence + 1 + (uint)offset, _expected, flags, 65_535, default, payload));
}
