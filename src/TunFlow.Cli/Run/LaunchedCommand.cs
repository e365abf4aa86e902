using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using TunFlow.Cli.Arguments;
using TunFlow.Devices;
using TunFlow.Devices.Linux.Launch;

namespace TunFlow.Cli.Run;

/// <summary>The launcher, and later the command that it turns into: one process, in namespaces of its own.</summary>
/// <remarks>Use in this order: <see cref="Start"/>, <see cref="ReceiveDevice"/>, <see cref="Execute"/>, <see cref="WaitAsync"/>.</remarks>
[SupportedOSPlatform("linux")]
internal sealed class LaunchedCommand : IDisposable
{
    private readonly LaunchChannel _channel;
    private readonly Process _process;

    private LaunchedCommand(LaunchChannel channel, Process process)
    {
        _channel = channel;
        _process = process;
    }

    internal static LaunchedCommand Start(string launcher, RunOptions options, SignalForwarder signals)
    {
        LaunchChannel channel = new();
        try
        {
            ProcessStartInfo start = new(launcher) { UseShellExecute = false };
            foreach (string word in (string[])["--socket", Text(channel.ChildDescriptor), "--mtu", Text(options.Mtu), "--", .. options.Command])
                start.ArgumentList.Add(word);
            Process process;
            using (new DescriptorLimit())
                process = Process.Start(start)!;
            channel.CloseChildEnd();
            signals.Attach(process);
            return new LaunchedCommand(channel, process);
        }
        catch (Exception exception)
        {
            channel.Dispose();
            throw exception is Win32Exception ? new CliException($"{launcher} cannot be executed: {exception.Message}", innerException: exception) : exception;
        }
    }

    /// <summary>The TUN that is the command's way out, owned by the caller.</summary>
    /// <exception cref="CliException">There is none; the text names the setting at fault.</exception>
    internal LinuxTunDevice ReceiveDevice()
    {
        LaunchMessage? message = _channel.Receive();
        if (message is { Kind: LaunchMessageKind.Ready })
            return LinuxTunDevice.FromDescriptor(message.Tun!, ownsHandle: true, message.Mtu);
        int code = ExitCode();
        // 128 and more: a signal ended the launcher, most likely the one that was meant for this program.
        throw message is null
            ? new CliException($"the launcher ended without a word, with exit code {code}", code > ExitCodes.SignalBase ? code : ExitCodes.Failure)
            : new CliException(message.Text, message.ExitCode == ExitCodes.Usage ? ExitCodes.Usage : ExitCodes.Failure);
    }

    /// <summary>Lets the command run; its network is being served.</summary>
    /// <exception cref="CliException">It cannot be executed.</exception>
    internal void Execute()
    {
        _channel.Go();
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
        _channel.Dispose();
        _process.Dispose();
    }

    private int ExitCode()
    {
        _process.WaitForExit();
        return _process.ExitCode;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
