using System.Net;
using BenchmarkDotNet.Attributes;
using TunFlow.Lwip;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Testing.Packets;

namespace TunFlow.Benchmarks;

/// <summary>UDP through the stack to a proxy that answers at once, per datagram with its answer.</summary>
public class DatagramBenchmarks
{
    private const int Datagrams = 4096;
    private const int Window = 32;

    private LwipDevice _device = null!;
    private Swarm _swarm = null!;
    private byte[][] _datagrams = null!;

    /// <summary>How many remotes the session talks to, in rotation.</summary>
    [Params(1, 64)]
    public int Remotes { get; set; }

    /// <summary>Starts the device.</summary>
    [GlobalSetup]
    public void Start()
    {
        _device = new LwipDevice(new LoadDialer(), new EchoProxy());
        _swarm = new Swarm(_device, 0);
        _datagrams = [.. Enumerable.Range(1, Remotes).Select(static i => PacketBuilder.UdpDatagram(
            IPEndPoint.Parse("10.9.0.2:5000"), new IPEndPoint(new IPAddress([198, 51, 100, (byte)i]), 443), new byte[64]))];
    }

    /// <summary>Ends the device.</summary>
    [GlobalCleanup]
    public void Stop() => _device.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>A datagram of 64 bytes and its answer.</summary>
    [Benchmark(OperationsPerInvoke = Datagrams)]
    public void Echo()
    {
        SpinWait spin = default;
        long expected = _swarm.Strays;
        for (int i = 0; i < Datagrams; i += Window)
        {
            for (int j = 0; j < Window; j++)
                _swarm.Write(_datagrams[(i + j) % Remotes]);
            expected += Window;
            while (_swarm.Strays != expected)
                spin.SpinOnce(sleep1Threshold: -1);
        }
    }
}
