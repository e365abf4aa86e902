using System.Runtime.Versioning;
using TunFlow.Cli.Arguments;
using TunFlow.Cli.Output;
using TunFlow.Devices;
using TunFlow.Network;
using TunFlow.Policy;

namespace TunFlow.Cli.Run;

/// <summary><c>tunflow run</c>.</summary>
internal static class RunCommand
{
    internal static Task<int> RunAsync(RunOptions options, TextWriter error)
    {
        return OperatingSystem.IsLinux()
            ? RunOnLinuxAsync(options, error)
            : throw new PlatformNotSupportedException("'tunflow run' needs Linux and its namespaces.");
    }

    [SupportedOSPlatform("linux")]
    private static async Task<int> RunOnLinuxAsync(RunOptions options, TextWriter error)
    {
        string launcher = LauncherFile.Find(AppContext.BaseDirectory);
        EndPointMap map = LaunchPolicy.CreateMap(options.Dns ?? HostResolver.Find(), options.AllowHostLoopback);
        using SignalForwarder signals = new();
        using LaunchedCommand command = LaunchedCommand.Start(launcher, options, signals);
        LinuxTunDevice device = command.ReceiveDevice();
        await using Tunnel tunnel = Upstreams.Start(device, map, configurator: null);
        command.Execute();

        Task<int> exit = command.WaitAsync();
        _ = ReportFailureAsync(tunnel, exit, error);
        int code = await exit;
        await LastBytes.DeliverAsync(() => tunnel.GetStatistics().Stack, TimeProvider.System, signals.NobodyLeft);
        TunnelStatistics statistics = tunnel.GetStatistics();
        await tunnel.StopAsync(CancellationToken.None);
        if (options.Statistics)
            await error.WriteAsync(StatisticsTable.Format(statistics));
        return code;
    }

    // The command goes on without a network; it, and nobody else, decides what to do about that.
    private static async Task ReportFailureAsync(Tunnel tunnel, Task exit, TextWriter error)
    {
        await Task.WhenAny(tunnel.Completion, exit);
        // The device also goes with the last process of its namespace, and the kernel may be faster with that than with this
        // process's news.
        await Task.WhenAny(exit, Task.Delay(TimeSpan.FromSeconds(1)));
        if (!exit.IsCompleted)
        {
            string reason = tunnel.Completion.Exception?.InnerException?.Message ?? "its device is gone";
            Messages.Write(error, $"the tunnel has ended: {reason}");
        }
    }
}
