using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>A network namespace with nothing but its loopback. Disposing kills what runs in it and removes it.</summary>
internal sealed class NetworkNamespace : IDisposable
{
    private const string Prefix = "tfe2e";

    private static readonly Lazy<bool> s_cleaned = new(RemoveStale);
    private static int s_count;

    internal NetworkNamespace()
    {
        _ = s_cleaned.Value;
        Name = $"{Prefix}-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}";
        Tool.Run("ip", "netns", "add", Name).Succeeded();
        Ip("link set lo up");
    }

    internal string Name { get; }

    /// <summary>Runs <c>ip</c> on the namespace.</summary>
    internal void Ip(string command) => Tool.Run("ip", ["-n", Name, .. command.Split(' ')]).Succeeded();

    /// <summary>Starts a program in the namespace.</summary>
    internal Process Start(string program, params IEnumerable<string> arguments) => Tool.Start("ip", Inside(program, arguments));

    internal Task<ToolResult> RunAsync(string program, params string[] arguments) => Tool.RunAsync("ip", Inside(program, arguments));

    internal Task<ToolResult> PythonAsync(string script, params string[] arguments) => RunAsync("python3", ["-c", script, .. arguments]);

    /// <summary>Runs code on a thread of the namespace. Sockets made there stay there, wherever they are used.</summary>
    internal T Do<T>(Func<T> function)
    {
        T result = default!;
        Exception? failure = null;
        // A thread of its own: it must not go back to the pool with another namespace.
        Thread thread = new(() =>
        {
            try
            {
                using var file = File.OpenHandle($"/run/netns/{Name}");
                if (NamespaceCalls.Enter(file, NamespaceCalls.NewNetwork) != 0)
                    throw new Win32Exception(Marshal.GetLastPInvokeError());
                result = function();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result : throw new InvalidOperationException($"in namespace {Name}: {failure.Message}", failure);
    }

    internal Socket CreateSocket(AddressFamily family, SocketType type = SocketType.Stream) =>
        Do(() => new Socket(family, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp));

    /// <summary>A listening socket of the namespace.</summary>
    internal Socket Listen(IPEndPoint local, int backlog = 1024)
    {
        Socket socket = CreateSocket(local.AddressFamily);
        socket.Bind(local);
        socket.Listen(backlog);
        return socket;
    }

    internal async Task<Socket> ConnectAsync(IPEndPoint remote)
    {
        Socket socket = CreateSocket(remote.AddressFamily);
        socket.NoDelay = true;
        await socket.ConnectAsync(remote).WaitAsync(TimeSpan.FromSeconds(20));
        return socket;
    }

    public void Dispose() => Remove(Name);

    private static void Remove(string name)
    {
        foreach (string line in Tool.Run("ip", "netns", "pids", name).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            _ = NamespaceCalls.Kill(int.Parse(line, CultureInfo.InvariantCulture), 9);
        Tool.Run("ip", "netns", "delete", name);
    }

    // A test host that was killed could not clean up; the name holds its process id.
    private static bool RemoveStale()
    {
        if (!Directory.Exists("/run/netns"))
            return false;
        foreach (string name in Directory.GetFiles("/run/netns", Prefix + "-*").Select(Path.GetFileName).OfType<string>())
        {
            if (!Directory.Exists($"/proc/{name.Split('-')[1]}"))
                Remove(name);
        }

        return true;
    }

    private IEnumerable<string> Inside(string program, IEnumerable<string> arguments) => ["netns", "exec", Name, program, .. arguments];
}
