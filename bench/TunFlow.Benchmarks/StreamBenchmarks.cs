using BenchmarkDotNet.Attributes;
using TunFlow.Lwip;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Network;

namespace TunFlow.Benchmarks;

/// <summary>A TCP flow through the stack, per packet of 1460 bytes: the application's packets are made, and its answers checked, in the figure.</summary>
public class StreamBenchmarks
{
    private const int Segment = 1460;
    private const int Packets = 4096;
    private const int Window = 64;

    private LwipDevice _device = null!;
    private Swarm _swarm = null!;
    private LoadUpstream _upstream = null!;

    /// <summary>Opens a flow.</summary>
    [GlobalSetup]
    public void Open()
    {
        LoadDialer dialer = new();
        _device = new LwipDevice(dialer, new EchoProxy());
        _swarm = new Swarm(_device, 1);
        _swarm.ConnectAsync().GetAwaiter().GetResult();
        _upstream = dialer.Upstreams[0];
    }

    /// <summary>Ends the device.</summary>
    [GlobalCleanup]
    public void Close()
    {
        if (_upstream.Corrupt is { } corrupt)
            throw new InvalidOperationException($"The byte at {corrupt} arrived changed.");
        _swarm.AssertIntact();
        _device.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    /// <summary>Data segments in, bytes to the upstream.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public void SegmentToUpstream()
    {
        SpinWait spin = default;
        long expected = _upstream.Received;
        for (int i = 0; i < Packets; i += Window)
        {
            expected += Window * Segment;
            _swarm.Flows[0].Send(Window * Segment);
            while (_upstream.Received != expected)
                spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>Bytes from the upstream, data segments out.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public void SegmentFromUpstream()
    {
        SpinWait spin = default;
        SwarmFlow flow = _swarm.Flows[0];
        long expected = flow.Received;
        for (int i = 0; i < Packets; i += Window)
        {
            expected += Window * Segment;
            _upstream.Send(Window * Segment);
            while (flow.Received != expected)
                spin.SpinOnce(sleep1Threshold: -1);
        }
    }
}
