using System.Buffers.Binary;

namespace TunFlow.Network;

/// <summary>Cuts a TCP super-packet into ordinary packets, in software and without copying the payload.</summary>
/// <remarks>
/// <para>The packet stays where it is. Each segment's headers are written directly in front of its payload, over the end of the payload
/// of the segment before, which was handed out already:</para>
/// <code>
///   | headers | payload 1 | payload 2 | payload 3 |      the super-packet
///   | headers | payload 1 |                              first segment
///               | headers | payload 2 |                  second segment
/// </code>
/// <para>So a segment is valid until the next one is asked for. Like the kernel's tcp_gso_segment: the IPv4 identification counts up,
/// FIN and PSH belong to the last segment only, CWR to the first.</para>
/// </remarks>
internal sealed class TcpSegmenter
{
    private const byte FlagFin = 0x01;
    private const byte FlagPush = 0x08;
    private const byte FlagCongestionWindowReduced = 0x80;

    private readonly byte[] _headers = new byte[512];
    private Memory<byte> _packet;
    private TcpHeaders _layout;
    private int _segmentSize;
    private int _next;
    private int _index;

    /// <summary>True while <see cref="Next"/> has something to return.</summary>
    internal bool HasSegments => _next < _packet.Length;

    /// <summary>Takes a super-packet; its memory belongs to the segmenter until the last segment was used. False if it is not one that can be cut.</summary>
    internal bool TryBegin(Memory<byte> packet, in PacketOffload offload)
    {
        Reset();
        int version = offload.Gso switch
        {
            GsoType.Tcp4 => 4,
            GsoType.Tcp6 => 6,
            _ => 0,
        };
        if (offload.GsoSize == 0
            || !TcpHeaders.TryParse(packet.Span, out TcpHeaders layout)
            || layout.Version != version
            || layout.Payload > _headers.Length
            || layout.Payload == packet.Length)
        {
            return false;
        }

        _packet = packet;
        _layout = layout;
        _segmentSize = offload.GsoSize;
        _next = layout.Payload;
        packet.Span[..layout.Payload].CopyTo(_headers);
        return true;
    }

    /// <summary>The next segment, complete with checksums.</summary>
    internal ReadOnlyMemory<byte> Next()
    {
        int payload = Math.Min(_segmentSize, _packet.Length - _next);
        Memory<byte> segment = _packet.Slice(_next - _layout.Payload, _layout.Payload + payload);
        bool last = _next + payload == _packet.Length;
        Span<byte> bytes = segment.Span;
        _headers.AsSpan(0, _layout.Payload).CopyTo(bytes);
        WriteTcp(bytes[_layout.Transport..], last);
        ulong pseudoHeader = _layout.Version == 4 ? WriteIp4(bytes) : WriteIp6(bytes);
        Span<byte> transport = bytes[_layout.Transport..];
        InternetChecksum.Store(transport[TcpHeaders.ChecksumOffset..], InternetChecksum.CompleteTcp(InternetChecksum.Add(pseudoHeader, transport)));
        _next += payload;
        _index++;
        return segment;
    }

    /// <summary>Forgets the packet.</summary>
    internal void Reset()
    {
        _packet = default;
        _next = 0;
        _index = 0;
    }

    private void WriteTcp(Span<byte> tcp, bool last)
    {
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(tcp[4..]);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], unchecked(sequence + ((uint)_index * (uint)_segmentSize)));
        if (!last)
        {
            tcp[13] &= unchecked((byte)~(FlagFin | FlagPush));
        }

        if (_index > 0)
        {
            tcp[13] &= unchecked((byte)~FlagCongestionWindowReduced);
        }

        tcp.Slice(TcpHeaders.ChecksumOffset, sizeof(ushort)).Clear();
    }

    private ulong WriteIp4(Span<byte> packet)
    {
        ushort identification = BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], unchecked((ushort)(identification + _index)));
        packet.Slice(10, sizeof(ushort)).Clear();
        int header = (packet[0] & 0x0F) * 4;
        InternetChecksum.Store(packet[10..], (ushort)~InternetChecksum.Fold(InternetChecksum.Add(0, packet[..header])));
        return PseudoHeader(packet.Slice(12, 8), packet.Length);
    }

    private ulong WriteIp6(Span<byte> packet)
    {
        const int Ip6Header = 40;
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - Ip6Header));
        return PseudoHeader(packet.Slice(8, 32), packet.Length);
    }

    private ulong PseudoHeader(ReadOnlySpan<byte> addresses, int packetLength)
    {
        const ushort ProtocolTcp = 6;
        ulong sum = InternetChecksum.Add(0, addresses);
        sum = InternetChecksum.AddNumber(sum, (ushort)(packetLength - _layout.Transport));
        return InternetChecksum.AddNumber(sum, ProtocolTcp);
    }
}
