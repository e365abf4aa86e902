using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TunFlow.Proxies.Tests;

/// <summary>A server program on a free loopback port. Ends with the test, by its process.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private ServerProcess(Process process, IPEndPoint endPoint)
    {
        _process = process;
        EndPoint = endPoint;
        process.OutputDataReceived += (_, line) => Note(line.Data);
        process.ErrorDataReceived += (_, line) => Note(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public IPEndPoint EndPoint { get; }

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Finds a program, or skips the test.</summary>
    public static string Find(string name, string package)
    {
        string? path = new[] { "/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin" }.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (path is null)
        {
            Assert.Ignore($"{name} is not installed (Debian package {package}).");
        }

        return path!;
    }

    /// <summary>Starts a server and waits until it accepts connections.</summary>
    /// <param name="address">Where it listens.</param>
    /// <param name="command">The command line for a port.</param>
    public static async Task<ServerProcess> StartAsync(IPAddress address, Func<int, string[]> command)
    {
        // The port was free a moment ago; somebody may have taken it since.
        const int Attempts = 3;
        string problem = "";
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            IPEndPoint endPoint = new(address, FreePort(address));
            string[] arguments = command(endPoint.Port);
            ServerProcess server = new(
                Process.Start(new ProcessStartInfo(arguments[0], arguments[1..]) { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true })!,
                endPoint);
            if (await server.ComesUpAsync())
            {
                return server;
            }

            await server.DisposeAsync();
            problem = server.Output;
            if (problem.Contains("Operation not permitted", StringComparison.Ordinal))
            {
                Assert.Ignore($"This user may not start it: {problem}");
            }
        }

        Assert.Fail($"{string.Join(' ', command(0))} did not start: {problem}");
        throw new InvalidOperationException();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static int FreePort(IPAddress address)
    {
        using Socket socket = TcpLoopback.Listen(address);
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private async Task<bool> ComesUpAsync()
    {
        long start = Stopwatch.GetTimestamp();
        while (!_process.HasExited && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(15))
        {
            using Socket socket = new(EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(EndPoint);
                return true;
            }
            catch (SocketException)
            {
                await Task.Delay(20);
            }
        }

        return false;
    }

    private void Note(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }
}
