using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using TunFlow.Cli.Arguments;
using TunFlow.Cli.Output;
using TunFlow.Devices;
using TunFlow.Network;
using TunFlow.Policy;

namespace TunFlow.Cli.Up;

/// <summary><c>tunflow up</c>.</summary>
internal static class UpCommand
{
    private const PosixSignal UserSignal = (PosixSignal)10; // SIGUSR1 on every architecture that .NET runs on

    internal static Task<int> RunAsync(UpOptions options, TextWriter output, TextWriter error)
    {
        return OperatingSystem.IsLinux()
            ? RunOnLinuxAsync(options, output, error)
            : throw new PlatformNotSupportedException("'tunflow up' needs Linux and its TUN devices.");
    }

    [SupportedOSPlatform("linux")]
    private static async Task<int> RunOnLinuxAsync(UpOptions options, TextWriter output, TextWriter error)
    {
        // Before the device exists, so that no signal can end the process and leave something behind.
        TaskCompletionSource stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.TrySetResult();
        }

        SocketConfigurator? configurator = options.Interface is { } name ? Bind(name) : null;
        bool persistent = InterfaceSetup.Exists(options.Tun);
        LinuxTunDevice device = LinuxTunDevice.Create(new LinuxTunOptions { Name = options.Tun, Mtu = options.Mtu });
        if (device.Mtu < ArgumentValues.MinMtu)
        {
            await device.DisposeAsync();
            throw new CliException($"{device.Name} has an MTU of {device.Mtu}; at least {ArgumentValues.MinMtu} is needed, see --mtu");
        }

        using InterfaceSetup setup = new(device);
        await using Tunnel tunnel = Upstreams.Start(device, LaunchPolicy.CreateMap(), configurator);
        setup.Apply(options.Addresses, options.Routes, persistent);
        using PosixSignalRegistration? print = options.Statistics
            ? PosixSignalRegistration.Create(UserSignal, context => Print(context, tunnel, error))
            : null;
        await output.WriteLineAsync($"tunflow: serving {device.Name}, MTU {device.Mtu}");

        await Task.WhenAny(stop.Task, tunnel.Completion);
        bool asked = stop.Task.IsCompleted;
        setup.Dispose();
        TunnelStatistics statistics = tunnel.GetStatistics();
        await tunnel.StopAsync(CancellationToken.None);
        if (options.Statistics)
            await error.WriteAsync(StatisticsTable.Format(statistics));
        if (asked)
            return ExitCodes.Success;
        throw new CliException($"{device.Name}: {tunnel.Completion.Exception?.InnerException?.Message ?? "the device is gone"}");
    }

    [SupportedOSPlatform("linux")]
    private static SocketConfigurator Bind(string name) =>
        InterfaceSetup.Exists(name)
            ? SocketConfigurators.BindToInterface(name)
            : throw new CliException($"--interface: there is no interface '{name}' here");

    private static void Print(PosixSignalContext context, Tunnel tunnel, TextWriter error)
    {
        context.Cancel = true;
        error.Write(StatisticsTable.Format(tunnel.GetStatistics()));
    }
}
