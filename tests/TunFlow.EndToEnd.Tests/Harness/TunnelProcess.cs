using System.Diagnostics;
using System.Text;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary><c>tunflow up</c>, running in a namespace.</summary>
internal sealed class TunnelProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _errors = new();

    private TunnelProcess(Process process)
    {
        _process = process;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
                _errors.AppendLine(line.Data);
        };
        _process.BeginErrorReadLine();
    }

    internal int Id => _process.Id;

    internal static async Task<TunnelProcess> StartAsync(NetworkNamespace where, params IEnumerable<string> options)
    {
        string[] words = CliTool.Words(["up", .. options]);
        TunnelProcess tunnel = new(where.Start(words[0], words[1..]));
        string? line = await tunnel._process.StandardOutput.ReadLineAsync().WaitAsync(Tool.DefaultTimeout);
        if (line is null || !line.StartsWith("tunflow: serving", StringComparison.Ordinal))
        {
            await tunnel.DisposeAsync();
            Assert.Fail($"tunflow up did not start: {line} {tunnel.Errors()}");
        }

        return tunnel;
    }

    /// <summary>Sends a signal and waits for the end.</summary>
    internal async Task<int> StopAsync(int signal = 15)
    {
        _ = NamespaceCalls.Kill(_process.Id, signal);
        await _process.WaitForExitAsync().WaitAsync(Tool.DefaultTimeout);
        return _process.ExitCode;
    }

    internal async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Tool.DefaultTimeout);
        return _process.ExitCode;
    }

    internal string Errors()
    {
        lock (_errors)
            return _errors.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _ = NamespaceCalls.Kill(_process.Id, 15);
            try
            {
                await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
            }
            catch (TimeoutException)
            {
                _process.Kill();
            }
        }

        _process.Dispose();
    }
}
