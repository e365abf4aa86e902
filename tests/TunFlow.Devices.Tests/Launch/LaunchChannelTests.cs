using System.Diagnostics;
using System.Globalization;
using System.Net;
using TunFlow.Devices.Linux.Launch;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

/// <summary>The whole conversation with the real launcher, and a command whose packets arrive here.</summary>
internal sealed class LaunchChannelTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly string Launcher = Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "tunflow-launch");

    [SetUp]
    public void SetUp()
    {
        TestNamespace.Require();
        if (!File.Exists(Launcher))
            Assert.Ignore("needs the native build: there is no " + Launcher);
    }

    [Test]
    public async Task A_command_runs_behind_the_device_that_came_back()
    {
        using var channel = new LaunchChannel();
        const string Program = "import socket\ns=socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
            + "s.sendto(b'question', ('2001:db8::7', 7))\nprint(s.recv(100).decode())";
        using Process process = Start(channel, "--mtu", "1400", "--", "/usr/bin/python3", "-c", Program);
        LaunchMessage ready = channel.Receive()!;
        Assert.That(ready.Kind, Is.EqualTo(LaunchMessageKind.Ready));
        Assert.That((ready.Mtu, ready.InterfaceName, ready.HasIp6, ready.HasUserNamespace), Is.EqualTo((1400, "tun0", true, false)));

        await using LinuxTunDevice device = LinuxTunDevice.FromDescriptor(ready.Tun!, ownsHandle: true, ready.Mtu);
        Assert.That(device.SupportedOffloads, Is.EqualTo(PacketOffloads.Checksum | PacketOffloads.TcpSegmentation));
        channel.Go();
        Assert.That(channel.Receive(), Is.Null, "end of file: the command was executed");

        byte[] buffer = new byte[1400];
        int length = await device.ReadAsync(buffer).AsTask().WaitAsync(Limit);
        byte[] question = buffer[..length];
        Assert.That(question[8..24], Is.EqualTo(LaunchAddresses.Device6.GetAddressBytes()));
        Assert.That(Packets.IsTransportChecksumRight(question), Is.True);
        var source = new IPEndPoint(LaunchAddresses.Device6, (question[40] << 8) | question[41]);
        await device.WriteAsync(Packets.MakeUdp(new IPEndPoint(IPAddress.Parse("2001:db8::7"), 7), source, "answer"u8.ToArray()));
        Assert.That(await process.StandardOutput.ReadToEndAsync().WaitAsync(Limit), Is.EqualTo("answer\n"));
        Assert.That(ExitCode(process), Is.Zero);
    }

    [Test]
    public void A_command_that_does_not_exist_is_told_after_go()
    {
        using var channel = new LaunchChannel();
        using Process process = Start(channel, "--", "/nonexistent");
        using (channel.Receive()!.Tun)
            channel.Go();
        LaunchMessage failed = channel.Receive()!;
        Assert.That((failed.Kind, failed.Errno, failed.ExitCode), Is.EqualTo((LaunchMessageKind.ExecFailed, 2, 127)));
        Assert.That(failed.Text, Does.Contain("/nonexistent"));
        Assert.That(ExitCode(process), Is.EqualTo(127));
    }

    [Test]
    public void Wrong_usage_is_told_in_one_line()
    {
        using var channel = new LaunchChannel();
        using Process process = Start(channel, "--mtu", "12", "--", "true");
        LaunchMessage failed = channel.Receive()!;
        Assert.That((failed.Kind, failed.ExitCode, failed.Tun), Is.EqualTo((LaunchMessageKind.Failed, 2, default(object))));
        Assert.That(failed.Text, Does.StartWith("--mtu").And.Not.Contain("\n"));
        Assert.That(ExitCode(process), Is.EqualTo(2));
    }

    [Test]
    public void A_channel_that_is_closed_ends_the_launcher()
    {
        Process process;
        using (var channel = new LaunchChannel())
        {
            process = Start(channel, "--", "sleep", "100");
            channel.Receive()!.Tun!.Dispose();
        }

        using (process)
            Assert.That(ExitCode(process), Is.EqualTo(125));
    }

    [Test]
    public void The_addresses_are_those_of_the_launchers_header()
    {
        string header = File.ReadAllText(FindInRepository("native/launcher/protocol.h"));
        Assert.Multiple(() =>
        {
            Assert.That(header, Does.Contain($"TFL_DEVICE_IPV4 \"{LaunchAddresses.Device4}\""));
            Assert.That(header, Does.Contain($"TFL_DEVICE_IPV6 \"{LaunchAddresses.Device6}\""));
            Assert.That(header, Does.Contain($"TFL_HOST_LOOPBACK_IPV4 \"{LaunchAddresses.HostLoopback4}\""));
            Assert.That(header, Does.Contain($"TFL_HOST_LOOPBACK_IPV6 \"{LaunchAddresses.HostLoopback6}\""));
            Assert.That(header, Does.Contain($"TFL_DNS_IPV4 \"{LaunchAddresses.Dns4}\""));
            Assert.That(header, Does.Contain($"TFL_DNS_IPV6 \"{LaunchAddresses.Dns6}\""));
            Assert.That(header, Does.Contain($"TFL_MESSAGE_SIZE {LaunchMessage.Size}"));
            Assert.That(header, Does.Contain($"TFL_VERSION {LaunchMessage.Version}"));
        });
    }

    private static Process Start(LaunchChannel channel, params string[] arguments)
    {
        var start = new ProcessStartInfo(Launcher) { RedirectStandardOutput = true };
        start.ArgumentList.Add("--socket");
        start.ArgumentList.Add(channel.ChildDescriptor.ToString(CultureInfo.InvariantCulture));
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        Process process = Process.Start(start)!;
        channel.CloseChildEnd();
        return process;
    }

    private static int ExitCode(Process process)
    {
        Assert.That(process.WaitForExit(Limit), Is.True);
        return process.ExitCode;
    }

    private static string FindInRepository(string path)
    {
        for (DirectoryInfo? at = new(TestContext.CurrentContext.TestDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, path);
            if (File.Exists(candidate))
                return candidate;
        }

        string source = Path.GetFullPath(Path.Combine(SourceDirectory(), "../../..", path));
        return File.Exists(source) ? source : throw new FileNotFoundException(path);
    }

    private static string SourceDirectory([System.Runtime.CompilerServices.CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
