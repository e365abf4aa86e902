using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>What these tests need of the machine. A test that cannot run says why.</summary>
internal static class Requirements
{
    private const string Device = "/dev/net/tun";

    internal static void Check(params ReadOnlySpan<string> programs)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("needs Linux");
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("needs root, to create network namespaces");
        if (!File.Exists(Device))
            Assert.Ignore($"there is no {Device}");
        if (!Socket.OSSupportsIPv6)
            Assert.Ignore("this kernel has no IPv6");
        string library = Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libtunflow_lwip.so");
        if (!File.Exists(library))
            Assert.Ignore($"the native library was not built: there is no {library}");
        foreach (string program in (string[])["ip", .. programs])
        {
            if (Find(program) is null)
                Assert.Ignore($"the program {program} is not installed");
        }

        if (!NamespacesAreAllowed.Value)
            Assert.Ignore("network namespaces are not allowed here");
    }

    /// <summary>The same, and the launcher of <c>tunflow run</c>.</summary>
    internal static void CheckLauncher(params ReadOnlySpan<string> programs)
    {
        Check(programs);
        if (!File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "tunflow-launch")))
            Assert.Ignore("tunflow-launch was not built");
    }

    /// <summary>Under nohup, for example, a signal is ignored, and the runtime leaves it so, as it should.</summary>
    internal static void CheckSignal(int signal)
    {
        if ((IgnoredSignals(File.ReadAllText("/proc/self/status")) & (1UL << (signal - 1))) != 0)
            Assert.Ignore($"whoever started the tests has signal {signal} ignored");
    }

    /// <summary>From the text of /proc/PID/status; bit n - 1 is signal n.</summary>
    internal static ulong IgnoredSignals(string status) => ulong.Parse(
        status.Split('\n').Single(static line => line.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    internal static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin")
            .Split(':')
            .Append("/usr/sbin")
            .Append("/sbin")
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);

    private static readonly Lazy<bool> NamespacesAreAllowed = new(static () =>
    {
        using Process? process = Process.Start(new ProcessStartInfo("unshare", ["--net", "true"]) { RedirectStandardError = true });
        process!.WaitForExit();
        return process.ExitCode == 0;
    });
}
