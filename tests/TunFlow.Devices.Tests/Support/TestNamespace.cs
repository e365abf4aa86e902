using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace TunFlow.Devices.Tests;

/// <summary>A network namespace of our own: a thread that lives in it and runs what the test hands it. The namespace ends with the thread.</summary>
/// <remarks>The thread never belongs to the pool, where its namespace would meet unrelated work.</remarks>
internal sealed partial class TestNamespace : IDisposable
{
    private const int CloneNewNetwork = 0x40000000;

    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    private TestNamespace()
    {
        using var started = new ManualResetEventSlim();
        int errno = 0;
        _thread = new Thread(() =>
        {
            errno = Unshare(CloneNewNetwork) == 0 ? 0 : Marshal.GetLastPInvokeError();
            ThreadId = GetThreadId();
            started.Set();
            foreach (Action action in _work.GetConsumingEnumerable())
                action();
        })
        { IsBackground = true, Name = "test namespace" };
        _thread.Start();
        started.Wait();
        if (errno != 0)
        {
            Dispose();
            throw new Win32Exception(errno);
        }
    }

    /// <summary>For <c>ip link set ... netns</c>: /proc has an entry for every thread.</summary>
    internal int ThreadId { get; private set; }

    /// <summary>Ends the test as skipped, with the reason, where namespaces or TUN devices are out of reach.</summary>
    internal static void Require()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("needs Linux");
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("needs root, to make network namespaces and TUN devices");
        if (!File.Exists("/dev/net/tun"))
            Assert.Ignore("needs /dev/net/tun");
        try
        {
            using var probe = new TestNamespace();
        }
        catch (Win32Exception exception)
        {
            Assert.Ignore("cannot make a network namespace: " + exception.Message);
        }
    }

    internal static TestNamespace Create()
    {
        var created = new TestNamespace();
        created.Execute("ip", "link set lo up");
        return created;
    }

    internal T Run<T>(Func<T> function)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                result.SetResult(function());
            }
            catch (Exception exception)
            {
                result.SetException(exception);
            }
        });
        return result.Task.WaitAsync(TimeSpan.FromSeconds(30)).GetAwaiter().GetResult();
    }

    internal void Run(Action action) => Run(() =>
    {
        action();
        return true;
    });

    /// <summary>Runs a program in the namespace and returns what it printed. Fails the test if it fails.</summary>
    internal string Execute(string program, string arguments) => Run(() =>
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, string.Create(CultureInfo.InvariantCulture, $"{program} {arguments}: {errors.Result}"));
        return output;
    });

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int GetThreadId();
}
