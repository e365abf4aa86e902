using System.Collections.Concurrent;
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace TunFlow.Lwip.Tests.Linux;

/// <summary>A network namespace of its own: a thread that left the process's namespace and runs what is to happen in the new one.</summary>
/// <remarks>A socket belongs to the namespace of the thread that made it and may be used from any other. The namespace goes away with its last socket and the thread.</remarks>
internal sealed class NetworkNamespace : IDisposable
{
    private const int CloneNewNet = 0x40000000;

    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;
    private readonly TaskCompletionSource _ready = new();

    private NetworkNamespace()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "network namespace" };
        _thread.Start();
    }

    /// <summary>Makes one, or skips the test where that isn't allowed.</summary>
    public static NetworkNamespace CreateOrSkip()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
            Assert.Ignore("Needs Linux and root: makes a network namespace.");
        if (!File.Exists("/dev/net/tun"))
            Assert.Ignore("There is no /dev/net/tun.");
        NetworkNamespace result = new();
        try
        {
            result._ready.Task.GetAwaiter().GetResult();
        }
        catch (Win32Exception exception)
        {
            Assert.Ignore($"A network namespace can't be made here: {exception.Message}.");
        }

        return result;
    }

    public T Run<T>(Func<T> function)
    {
        TaskCompletionSource<T> done = new();
        _work.Add(() =>
        {
            try
            {
                done.SetResult(function());
            }
            catch (Exception exception)
            {
                done.SetException(exception);
            }
        });
        return done.Task.GetAwaiter().GetResult();
    }

    public void Run(Action action) => Run(() =>
    {
        action();
        return 0;
    });

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    private void Run()
    {
        if (Unshare(CloneNewNet) != 0)
        {
            _ready.SetException(new Win32Exception(Marshal.GetLastPInvokeError()));
            return;
        }

        _ready.SetResult();
        foreach (Action action in _work.GetConsumingEnumerable())
            action();
    }

    [DllImport("libc", EntryPoint = "unshare", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Unshare(int flags);
}
