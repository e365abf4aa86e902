// `tunflow up` with what the benchmarks compare it with: the general path, which every StreamConnection that is no plain socket
// takes, and a TUN without offload. Same options of the runtime, same output line.
using System.Globalization;
using System.Runtime.InteropServices;
using TunFlow;
using TunFlow.Bench.Variants;
using TunFlow.Devices;
using TunFlow.Network;

if (!OperatingSystem.IsLinux() || args is not [.. string[] flags, "--tun", string name, "--mtu", string mtu] || flags.Except(["--general", "--no-offload"]).Any())
{
    await Console.Error.WriteLineAsync("usage, on Linux: TunFlow.Bench.Variants [--general] [--no-offload] --tun NAME --mtu BYTES");
    return 2;
}

TaskCompletionSource stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
{
    context.Cancel = true;
    stop.TrySetResult();
});

TcpDialer direct = new();
IStreamDialer dialer = !flags.Contains("--general")
    ? direct
    : StreamDialer.FromFunc(async (remote, cancellationToken) => new OpaqueStreamConnection(await direct.DialStreamAsync(remote, cancellationToken)));
await using LinuxTunDevice device = LinuxTunDevice.Create(new LinuxTunOptions
{
    Name = name,
    Mtu = int.Parse(mtu, CultureInfo.InvariantCulture),
    Offloads = flags.Contains("--no-offload") ? PacketOffloads.None : new LinuxTunOptions().Offloads,
});
await using Tunnel tunnel = Tunnel.Start(device, dialer, new PacketListenerProxy(new UdpListener()));
Console.WriteLine($"tunflow: serving {device.Name}, MTU {device.Mtu}");
await Task.WhenAny(stop.Task, tunnel.Completion);
return stop.Task.IsCompleted ? 0 : 1;
