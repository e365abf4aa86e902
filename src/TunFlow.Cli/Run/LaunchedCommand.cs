using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;
using TunFlow.Cli.Arguments;
using TunFlow.Devices;
using TunFlow.Devices.Linux.Launch;
using TunFlow.Network;

namespace TunFlow.Cli.Run;

/// <summary>The launcher, and later the command that it turns into: one process, in namespaces of its own.</summary>
/// <remarks>
/// Use in this order: <see cref="Start"/>, <see cref="ReceiveDevice"/>, <see cref="Execute"/>, <see cref="WaitAsync"/>.
/// </remarks>
[SupportedOSPlatform("linux")]
internal sealed class LaunchedCommand : IDisposable
{
    private readonly LaunchChannel _channel;
    private readonly Process _process;
    private readonly SignalForwarder _signals;
    private SafeFileHandle? _network;

    private LaunchedCommand(LaunchChannel channel, Process process, SignalForwarder signals)
    {
        _channel = channel;
        _process = process;
        _signals = signals;
    }

    internal static LaunchedCommand Start(string launcher, RunOptions options, SignalForwarder signals)
    {
        LaunchChannel channel = new();
        try
        {
            ProcessStartInfo start = new(launcher) { UseShellExecute = false };
            string[] words = ["--socket", Text(channel.ChildDescriptor), "--mtu", Text(options.Mtu), "--", .. options.Command];
            foreach (string word in words)
                start.ArgumentList.Add(word);
            Process process;
            using (new DescriptorLimit())
                process = Process.Start(start)!;
            channel.CloseChildEnd();
            signals.Attach(process);
            return new LaunchedCommand(channel, process, signals);
        }
        catch (Exception exception)
        {
            channel.Dispose();
            if (exception is Win32Exception)
                throw new CliException($"{launcher} cannot be executed: {exception.Message}", innerException: exception);
            throw;
        }
    }

    /// <summary>The TUN that is the command's way out, owned by the caller.</summary>
    /// <exception cref="CliException">There is none; the text names the setting at fault.</exception>
    internal LinuxTunDevice ReceiveDevice()
    {
        LaunchMessage? message = _channel.Receive();
        if (message is { Kind: LaunchMessageKind.Ready })
        {
            _network = HoldNetwork();
            return LinuxTunDevice.FromDescriptor(message.Tun!, ownsHandle: true, message.Mtu);
        }

        throw message is null
            ? EndedEarly()
            : new CliException(message.Text, message.ExitCode == ExitCodes.Usage ? ExitCodes.Usage : ExitCodes.Failure);
    }

    /// <summary>Lets the command run; its network is being served.</summary>
    /// <exception cref="CliException">It cannot be executed.</exception>
    internal void Execute()
    {
        try
        {
            _channel.Go();
        }
        catch (NetworkException)
        {
            throw EndedEarly();
        }

        if (_channel.Receive() is { } message)
            throw new CliException(message.Text, message.ExitCode);
    }

    /// <summary>The command's exit code, or 128 plus the signal that ended it.</summary>
    internal async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    /// <summary>Leaves the launcher alone: if it has not executed the command yet, it ends by itself.</summary>
    public void Dispose()
    {
        _signals.Detach();
        _network?.Dispose();
        _channel.Dispose();
        _process.Dispose();
    }

    // The network namespace would go with its last process, and the TUN with it, while the tunnel still delivers what that
    // process wrote.
    private SafeFileHandle? HoldNetwork()
    {
        try
        {
            return File.OpenHandle($"/proc/{Text(_process.Id)}/ns/net");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Without /proc only this last delivery is at risk.
            return null;
        }
    }

    private CliException EndedEarly()
    {
        _process.WaitForExit();
        int code = _process.ExitCode;
        return code > ExitCodes.SignalBase
            ? new CliException($"signal {code - ExitCodes.SignalBase} came before the command could run", code)
            : new CliException($"the launcher ended without a word, with exit code {code}");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
