using System.Buffers.Binary;
using System.Runtime.InteropServices;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>One TCP client of a <see cref="Swarm"/>: sends and verifies a <see cref="Pattern"/>. Its link loses nothing, so it never sends again.</summary>
/// <remarks>Members may be used from any thread; packets are handled by the swarm's reader. Nothing is allocated per packet.</remarks>
internal sealed class SwarmFlow(Swarm swarm, int index)
{
    private const int Mss = 1460;
    private const int Scale = 7;
    private const int HeaderLength = 40;
    private const uint Client = 0x0A09_0002; // 10.9.0.2
    private const uint Initial = 0x7FFF_0000; // the sequence numbers wrap their sign soon

    private readonly Lock _lock = new();
    private uint _expected;
    private uint _sentBase;
    private int _peerScale;
    private long _peerWindow;
    private long _sent;
    private long _toSend;
    private long _rightEdge;
    private int _unacknowledgedSegments;
    private bool _finSent;
    private ushort _port = (ushort)(1024 + (index % 60_000));

    public int Index { get; } = index;

    public bool IsOpen { get; private set; }

    public bool WasReset { get; private set; }

    /// <summary>The FIN came, and everything in front of it.</summary>
    public bool Ended { get; private set; }

    /// <summary>Bytes received in order.</summary>
    public long Received { get; private set; }

    /// <summary>Payload bytes that the other side acknowledged, a FIN included.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Where the other side's window ends, counted from the first byte.</summary>
    public long WindowEnd { get; private set; }

    /// <summary>Segments that came a second time.</summary>
    public int Repeated { get; private set; }

    /// <summary>What was wrong with the first wrong packet.</summary>
    public string? Fault { get; private set; }

    /// <summary>Announced window in bytes; takes effect with the next packet.</summary>
    public int Window { get; set; } = 4 * 1024 * 1024;

    /// <summary>Segments of data that one acknowledgment answers; 0: none.</summary>
    public int AcknowledgeEvery { get; set; } = 2;

    /// <summary>The other side's window is closed, and everything in it was sent.</summary>
    public bool Window0
    {
        get
        {
            lock (_lock)
                return IsOpen && Acknowledged == _sent && WindowEnd == _sent;
        }
    }

    /// <summary>What it announced has no room for a whole segment.</summary>
    public bool WindowIsUsed => Volatile.Read(ref _rightEdge) - Received < Mss;

    /// <summary>Told of each piece of data, on the reader's thread, with the number of bytes so far.</summary>
    public Action<SwarmFlow>? OnData { get; set; }

    /// <summary>Called once, behind the packet that is being handled and its acknowledgment.</summary>
    public Action? AfterPacket { get; set; }

    public long Sent => _sent;

    /// <summary>The next connection comes from another port.</summary>
    public void Restart(ushort port)
    {
        lock (_lock)
        {
            _port = port;
            _sent = _toSend = _peerWindow = _rightEdge = 0;
            Received = Acknowledged = WindowEnd = 0;
            _unacknowledgedSegments = 0;
            IsOpen = WasReset = Ended = _finSent = false;
        }
    }

    public void SendSyn()
    {
        lock (_lock)
            SendPacket(TcpFlags.Syn, Initial, 0, [2, 4, Mss >> 8, Mss & 0xFF, 1, 3, 3, Scale], 0);
    }

    /// <summary>Sends so many bytes more, as the window allows.</summary>
    public void Send(long count)
    {
        lock (_lock)
        {
            _toSend += count;
            Push();
        }
    }

    /// <summary>To be called once everything was sent.</summary>
    public void SendFin()
    {
        lock (_lock)
        {
            _finSent = true;
            SendPacket(TcpFlags.Fin | TcpFlags.Ack, _sentBase + (uint)_sent, _expected, default, 0);
        }
    }

    public void SendReset()
    {
        lock (_lock)
            SendPacket(TcpFlags.Rst | TcpFlags.Ack, _sentBase + (uint)_sent + (_finSent ? 1u : 0), _expected, default, 0);
    }

    /// <summary>A window probe as kernels send it: the byte before the next one, of no length.</summary>
    public void SendProbe()
    {
        lock (_lock)
            SendPacket(TcpFlags.Ack, _sentBase + (uint)_sent - 1, _expected, default, 0);
    }

    public void SendAcknowledgment()
    {
        lock (_lock)
            SendAck();
    }

    internal ushort Port => _port;

    internal void Handle(ReadOnlySpan<byte> packet)
    {
        HandleLocked(packet);
        if (AfterPacket is { } next)
        {
            AfterPacket = null;
            next();
        }
    }

    private void HandleLocked(ReadOnlySpan<byte> packet)
    {
        lock (_lock)
        {
            ReadOnlySpan<byte> tcp = packet[20..];
            uint sequence = BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]);
            uint acknowledgment = BinaryPrimitives.ReadUInt32BigEndian(tcp[8..]);
            TcpFlags flags = (TcpFlags)(tcp[13] & 0x1F);
            int header = (tcp[12] >> 4) * 4;
            int window = BinaryPrimitives.ReadUInt16BigEndian(tcp[14..]);
            if ((flags & TcpFlags.Rst) != 0)
            {
                WasReset = true;
                return;
            }

            if ((flags & TcpFlags.Syn) != 0)
            {
                Open(sequence, window, tcp[20..header]);
                return;
            }

            long acknowledged = (int)(acknowledgment - _sentBase - (uint)Acknowledged) + Acknowledged;
            Acknowledged = Math.Max(Acknowledged, acknowledged);
            _peerWindow = (long)window << _peerScale;
            WindowEnd = acknowledged + _peerWindow;
            Push();
            TakeData(sequence, tcp[header..], (flags & TcpFlags.Fin) != 0);
        }
    }

    private void Open(uint sequence, int window, ReadOnlySpan<byte> options)
    {
        if (IsOpen)
            return;
        _expected = sequence + 1;
        _sentBase = Initial + 1;
        for (int i = 0; i < options.Length && options[i] != 0; i += options[i] == 1 ? 1 : options[i + 1])
        {
            if (options[i] == 3)
                _peerScale = options[i + 2];
        }

        _peerWindow = WindowEnd = window;
        IsOpen = true;
        SendAck();
        Push();
    }

    private void TakeData(uint sequence, ReadOnlySpan<byte> payload, bool fin)
    {
        if (payload.IsEmpty && !fin)
            return;
        int known = (int)(_expected - sequence);
        if (known != 0)
        {
            Repeated++;
            if (known < 0)
                Fault ??= $"{-known} bytes are missing at {Received}";
            if (known >= payload.Length + (fin ? 1 : 0))
            {
                SendAck();
                return;
            }

            payload = payload[known..];
        }

        if (!Pattern.Matches(payload, Index, Received))
            Fault ??= $"other bytes than were sent at {Received}";
        Received += payload.Length;
        _expected += (uint)payload.Length + (fin ? 1u : 0);
        Ended |= fin;
        OnData?.Invoke(this);
        if (fin || (AcknowledgeEvery != 0 && ++_unacknowledgedSegments >= AcknowledgeEvery) || (AcknowledgeEvery != 0 && payload.Length < Mss))
            SendAck();
    }

    private void Push()
    {
        while (_sent < _toSend && IsOpen && !_finSent)
        {
            int length = (int)Math.Min(Math.Min(Mss, _toSend - _sent), WindowEnd - _sent);
            if (length <= 0)
                return;
            uint sequence = _sentBase + (uint)_sent;
            _sent += length;
            SendPacket(TcpFlags.Ack | TcpFlags.Psh, sequence, _expected, default, length);
        }
    }

    private void SendAck()
    {
        _unacknowledgedSegments = 0;
        _rightEdge = Received + (Window >> Scale << Scale);
        SendPacket(TcpFlags.Ack, _sentBase + (uint)_sent + (_finSent ? 1u : 0), _expected, default, 0);
    }

    private void SendPacket(TcpFlags flags, uint sequence, uint acknowledgment, ReadOnlySpan<byte> options, int payload)
    {
        byte[] memory = Swarm.Scratch;
        int length = HeaderLength + options.Length + payload;
        Span<byte> packet = memory.AsSpan(0, length);
        packet[..HeaderLength].Clear();
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)length);
        packet[8] = 64;
        packet[9] = PacketBuilder.Tcp;
        BinaryPrimitives.WriteUInt32BigEndian(packet[12..], Client);
        BinaryPrimitives.WriteUInt32BigEndian(packet[16..], Swarm.FirstServer + (uint)Index);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], Checksum(packet[..20], 0));
        Span<byte> tcp = packet[20..];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, _port);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], Swarm.ServerPort);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], acknowledgment);
        tcp[12] = (byte)((20 + options.Length) / 4 << 4);
        tcp[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], (ushort)Math.Min(0xFFFF, (flags & TcpFlags.Syn) != 0 ? Window : Window >> Scale));
        options.CopyTo(tcp[20..]);
        if (payload != 0)
            Pattern.Fill(tcp[20..], Index, _sent - payload);
        ulong pseudo = Sum(packet.Slice(12, 8)) + PacketBuilder.Tcp + (uint)tcp.Length;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], Checksum(tcp, pseudo));
        swarm.Write(memory.AsMemory(0, length));
    }

    private static ushort Checksum(ReadOnlySpan<byte> bytes, ulong start)
    {
        ulong sum = start + Sum(bytes);
        while (sum >> 16 != 0)
            sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>As <see cref="InternetSum.Add"/>, eight times as fast: a load is to measure the device.</summary>
    private static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        foreach (uint word in words)
            sum += BinaryPrimitives.ReverseEndianness(word);
        ReadOnlySpan<byte> rest = bytes[(words.Length * 4)..];
        if (rest.Length >= 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(rest);
        if ((rest.Length & 1) != 0)
            sum += (ulong)rest[^1] << 8;
        return sum;
    }
}
