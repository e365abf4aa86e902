using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using TunFlow.Network;

namespace TunFlow.Testing.Packets;

/// <summary>The application's side of a device under test: reads its packets and hands them to the peers they are for.</summary>
public sealed class PacketLink
{
    private readonly ConcurrentDictionary<(IPEndPoint Local, IPEndPoint Remote), TcpPeer> _peers = new();
    private readonly Channel<ParsedPacket> _others = Channel.CreateUnbounded<ParsedPacket>();
    private int _nextPort = 20_000;
    private long _count;
    private bool _ended;

    public PacketLink(IIPDevice device)
    {
        Device = device;
        Completion = Task.Run(RunAsync);
    }

    public IIPDevice Device { get; }

    /// <summary>Completes when the device's reads return 0; faults with what was wrong with a packet.</summary>
    public Task Completion { get; }

    /// <summary>Packets that belong to no TCP peer.</summary>
    public ChannelReader<ParsedPacket> Others => _others.Reader;

    /// <summary>How many packets have reached their peers.</summary>
    public long PacketCount => Volatile.Read(ref _count);

    public TcpPeer CreatePeer(IPEndPoint remote, IPEndPoint? local = null)
    {
        IPAddress own = IPAddress.Parse(remote.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? "10.9.0.2" : "fd09::2");
        TcpPeer peer = new(this, local ?? new IPEndPoint(own, Interlocked.Increment(ref _nextPort)), remote);
        _peers[(peer.Local, peer.Remote)] = peer;
        // After it is in the table: the end of the link either finds it there or is seen here.
        if (Volatile.Read(ref _ended))
            peer.OnLinkEnded();
        return peer;
    }

    /// <summary>Sends a packet. One that meets the end of the device is lost, as on any link.</summary>
    public void Send(byte[] packet)
    {
        try
        {
            ValueTask write = Device.WriteAsync(packet);
            if (!write.IsCompletedSuccessfully)
                write.AsTask().GetAwaiter().GetResult();
        }
        catch (ObjectDisposedException)
        {
            // The test disposed the device: nobody is left to answer.
        }
    }

    /// <summary>The next packet that isn't TCP of a peer.</summary>
    public async Task<ParsedPacket> NextAsync(TimeSpan? limit = null)
    {
        using CancellationTokenSource patience = new(limit ?? TimeSpan.FromSeconds(10));
        return await _others.Reader.ReadAsync(patience.Token).ConfigureAwait(false);
    }

    internal void Forget(TcpPeer peer) => _peers.TryRemove((peer.Local, peer.Remote), out _);

    private async Task RunAsync()
    {
        byte[] buffer = new byte[PacketBuffer.MaxPacketLength];
        try
        {
            int length;
            while ((length = await Device.ReadAsync(buffer).ConfigureAwait(false)) > 0)
            {
                ParsedPacket packet = ParsedPacket.Parse(buffer.AsSpan(0, length));
                Dispatch(packet);
                Interlocked.Increment(ref _count);
            }
        }
        finally
        {
            Volatile.Write(ref _ended, true);
            _others.Writer.TryComplete();
            foreach (TcpPeer peer in _peers.Values)
                peer.OnLinkEnded();
        }
    }

    private void Dispatch(ParsedPacket packet)
    {
        if (packet is { Protocol: PacketBuilder.Tcp, IsFragment: false } && _peers.TryGetValue((packet.Destination, packet.Source), out TcpPeer? peer))
        {
            peer.OnPacket(packet);
            return;
        }

        if (packet.IsUnreachable && TryFindQuoted(packet, out peer))
            peer.OnUnreachable(packet);
        _others.Writer.TryWrite(packet);
    }

    private bool TryFindQuoted(ParsedPacket packet, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out TcpPeer? peer)
    {
        ReadOnlySpan<byte> quoted = packet.Payload.Span;
        bool v4 = quoted[0] >> 4 == 4;
        int header = v4 ? 20 : 40;
        IPAddress source = new(v4 ? quoted.Slice(12, 4) : quoted.Slice(8, 16));
        IPAddress destination = new(v4 ? quoted.Slice(16, 4) : quoted.Slice(24, 16));
        int sourcePort = (quoted[header] << 8) | quoted[header + 1];
        int destinationPort = (quoted[header + 2] << 8) | quoted[header + 3];
        return _peers.TryGetValue((new IPEndPoint(source, sourcePort), new IPEndPoint(destination, destinationPort)), out peer);
    }
}
