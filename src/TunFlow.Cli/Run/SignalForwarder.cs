using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace TunFlow.Cli.Run;

/// <summary>Passes the signals that this process gets on to the command.</summary>
/// <remarks>
/// The command stays in this process's group, so that job control works: Ctrl-C and Ctrl-\ of a terminal reach it without help.
/// Those two are not passed on while the group is in the terminal's foreground, else the command would get them twice, which many
/// programs take for "now!".
/// </remarks>
[SupportedOSPlatform("linux")]
internal sealed class SignalForwarder : IDisposable
{
    // The numbers of linux/arch/*/signal.h, which are the same on all architectures that .NET runs on.
    private static readonly (PosixSignal Signal, int Number)[] s_signals =
    [
        (PosixSignal.SIGHUP, 1), (PosixSignal.SIGINT, 2), (PosixSignal.SIGQUIT, 3), (PosixSignal.SIGTERM, 15),
        ((PosixSignal)10, 10), ((PosixSignal)12, 12), // SIGUSR1, SIGUSR2
    ];

    private readonly Lock _lock = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly Queue<int> _early = [];
    // Never disposed: a handler that is running when this object is disposed may still cancel it. It has no timer to free.
    private readonly CancellationTokenSource _nobodyLeft = new();
    private Process? _process;
    private bool _detached;

    internal SignalForwarder()
    {
        foreach ((PosixSignal signal, int number) in s_signals)
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                Forward(number);
            }));
        }
    }

    /// <summary>Cancelled by a signal that comes when the command has ended already: it can only mean this process.</summary>
    internal CancellationToken NobodyLeft => _nobodyLeft.Token;

    /// <summary>Names the receiver. Signals that came before are delivered now.</summary>
    internal void Attach(Process process)
    {
        lock (_lock)
        {
            _process = process;
            while (_early.TryDequeue(out int number))
                Send(process, number);
        }
    }

    /// <summary>The process object is about to be disposed.</summary>
    internal void Detach()
    {
        lock (_lock)
            (_process, _detached) = (null, true);
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
    }

    private void Forward(int number)
    {
        lock (_lock)
        {
            if (_detached || _process is { HasExited: true })
                _nobodyLeft.Cancel();
            else if (_process is not { } process)
                _early.Enqueue(number);
            else
                Send(process, number);
        }
    }

    private static void Send(Process process, int number)
    {
        bool fromKeyboard = number is 2 or 3;
        if (!(fromKeyboard && IsForeground()) && !process.HasExited)
            _ = UnixCalls.Kill(process.Id, number);
    }

    private static bool IsForeground()
    {
        try
        {
            // Fails without a controlling terminal, as in services and pipelines of a build.
            using var terminal = File.OpenHandle("/dev/tty");
            return UnixCalls.GetForegroundGroup(terminal) == UnixCalls.GetProcessGroup();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
