using BenchmarkDotNet.Attributes;
using TunFlow.Lwip;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;

namespace TunFlow.Benchmarks;

/// <summary>TCP connections that carry 100 bytes each way and end in each of three ways, 32 at a time, per connection. The upstream's objects are in what is allocated.</summary>
public class ConnectionBenchmarks
{
    private const int Connections = 1024;

    private LwipDevice _device = null!;
    private Swarm _swarm = null!;
    private ChurnLoad _load = null!;

    /// <summary>Starts the device.</summary>
    [GlobalSetup]
    public void Start()
    {
        LoadDialer dialer = new() { Echoes = true, EchoRoom = 1024 };
        _device = new LwipDevice(dialer, new EchoProxy());
        _swarm = new Swarm(_device, 32);
        _load = new ChurnLoad(_swarm, dialer);
    }

    /// <summary>Ends the device.</summary>
    [GlobalCleanup]
    public void Stop()
    {
        _swarm.AssertIntact();
        _device.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    /// <summary>SYN to closed.</summary>
    [Benchmark(OperationsPerInvoke = Connections)]
    public Task OpenAndClose() => _load.RunAsync(Connections);
}
