using System.Net;
using BenchmarkDotNet.Attributes;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Network;

namespace TunFlow.Benchmarks;

/// <summary>The pieces that need no stack.</summary>
public class NetworkBenchmarks
{
    private const int Rounds = 1024;
    private const int Piece = 16 * 1024;
    private const int Mss = 1460;
    private const int Segments = 44;

    private readonly byte[] _packet = new byte[1500];
    private readonly byte[] _buffer = new byte[65_536];
    private readonly byte[] _super = new byte[40 + (Segments * Mss)];
    private readonly TcpSegmenter _segmenter = new();
    private readonly LoadUpstream _source = new(0);
    private readonly LoadUpstream _sink = new(0);
    private MemoryDevice _first = null!;
    private MemoryDevice _second = null!;
    private IPacketConnection _sender = null!;
    private IPacketConnection _receiver = null!;
    private IPEndPoint _destination = null!;
    private CancellationTokenSource _relayEnd = null!;
    private Task<StreamRelayResult> _relay = null!;

    /// <summary>Opens everything.</summary>
    [GlobalSetup]
    public async Task Open()
    {
        (_first, _second) = MemoryDevice.CreatePair();
        _packet[0] = 0x45;
        UdpListener listener = new() { LocalEndPoint = new IPEndPoint(IPAddress.Loopback, 0) };
        _sender = await listener.ListenPacketAsync();
        _receiver = await listener.ListenPacketAsync();
        _destination = (IPEndPoint)_receiver.LocalEndPoint!;
        _relayEnd = new CancellationTokenSource();
        _relay = StreamRelay.RunAsync(_source, _sink, _relayEnd.Token);
    }

    /// <summary>Closes everything.</summary>
    [GlobalCleanup]
    public async Task Close()
    {
        await _relayEnd.CancelAsync();
        await _relay;
        _relayEnd.Dispose();
        await _sender.DisposeAsync();
        await _receiver.DisposeAsync();
        await _first.DisposeAsync();
        await _second.DisposeAsync();
    }

    /// <summary>A packet of 1500 bytes into one end of a pair and out of the other.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public async Task MemoryDevicePair()
    {
        for (int i = 0; i < Rounds; i++)
        {
            await _first.WriteAsync(_packet);
            await _second.ReadAsync(_buffer);
        }
    }

    /// <summary>16 KiB from one connection to the other; both check or make a pattern.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public void StreamRelayPump()
    {
        SpinWait spin = default;
        long expected = _sink.Received;
        for (int i = 0; i < Rounds; i++)
        {
            expected += Piece;
            _source.Send(Piece);
            while (_sink.Received != expected)
                spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>A datagram of 1472 bytes over the loopback interface; most of it is the kernel's.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public async Task SocketPacketConnection()
    {
        for (int i = 0; i < Rounds; i++)
        {
            await _sender.SendToAsync(_packet.AsMemory(0, 1472), _destination);
            await _receiver.ReceiveFromAsync(_buffer);
        }
    }

    /// <summary>A super-packet of 64,240 bytes cut into ordinary ones, per one of these.</summary>
    [Benchmark(OperationsPerInvoke = Segments)]
    public int TcpSegmenter()
    {
        BuildSuperPacket();
        PacketOffload offload = new() { Checksum = ChecksumState.Partial, Gso = GsoType.Tcp4, GsoSize = Mss, HeaderLength = 40, ChecksumStart = 20, ChecksumOffset = 16 };
        if (!_segmenter.TryBegin(_super, in offload))
            throw new InvalidOperationException("The super-packet was refused.");
        int bytes = 0;
        while (_segmenter.HasSegments)
            bytes += _segmenter.Next().Length;
        return bytes;
    }

    /// <summary>The segmenter writes over it.</summary>
    private void BuildSuperPacket()
    {
        Span<byte> packet = _super;
        packet[0] = 0x45;
        packet[2] = (byte)(_super.Length >> 8);
        packet[3] = (byte)_super.Length;
        packet[8] = 64;
        packet[9] = 6;
        packet[32] = 0x50;
        packet[33] = 0x10;
    }
}
