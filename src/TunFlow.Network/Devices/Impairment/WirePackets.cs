namespace TunFlow.Network;

/// <summary>Turns what passes a device into what would pass a wire: ordinary packets with their checksums complete. Used by one thread at a time.</summary>
internal sealed class WirePackets
{
    private readonly TcpSegmenter _tcp = new();
    private byte[]? _scratch;
    private ReadOnlyMemory<byte> _packet;
    private PacketOffload _offload;
    private int _transport;
    private int _index;
    private int _count;

    /// <summary>Takes a packet, whose memory isn't changed and has to stay until the last wire packet was asked for. False if its offload contradicts it.</summary>
    public bool TryBegin(ReadOnlyMemory<byte> packet, in PacketOffload offload)
    {
        _packet = packet;
        _offload = offload;
        (_index, _count) = (0, 1);
        switch (offload.Gso)
        {
            case GsoType.None when offload.Checksum == ChecksumState.Partial:
                packet.Span.CopyTo(Scratch);
                return PartialChecksum.TryComplete(Scratch.AsSpan(0, packet.Length), offload);
            case GsoType.None:
                return true;
            case GsoType.Udp:
                if (!UdpSegmenter.TryParse(packet.Span, offload, out _transport))
                {
                    return false;
                }

                _count = UdpSegmenter.Count(packet.Length, _transport, offload.GsoSize);
                return true;
            default:
                // The segmenter writes headers over the payload: into a copy.
                packet.Span.CopyTo(Scratch);
                return _tcp.TryBegin(Scratch.AsMemory(0, packet.Length), offload);
        }
    }

    /// <summary>The next wire packet, valid until the next call.</summary>
    public bool TryGetNext(out ReadOnlySpan<byte> wirePacket)
    {
        wirePacket = default;
        if (_offload.Gso is GsoType.Tcp4 or GsoType.Tcp6)
        {
            if (!_tcp.HasSegments)
            {
                _tcp.Reset();
                return false;
            }

            wirePacket = _tcp.Next().Span;
            return true;
        }

        if (_index >= _count)
        {
            _packet = default;
            return false;
        }

        if (_offload.Gso == GsoType.Udp)
        {
            wirePacket = Scratch.AsSpan(0, UdpSegmenter.Write(_packet.Span, _transport, _offload.GsoSize, _index, Scratch));
        }
        else
        {
            wirePacket = _offload.Checksum == ChecksumState.Partial ? Scratch.AsSpan(0, _packet.Length) : _packet.Span;
        }

        _index++;
        return true;
    }

    private byte[] Scratch => _scratch ??= GC.AllocateUninitializedArray<byte>(PacketBuffer.MaxPacketLength);
}
