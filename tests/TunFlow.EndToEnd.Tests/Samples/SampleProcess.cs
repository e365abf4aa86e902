using System.Diagnostics;
using TunFlow.EndToEnd.Tests.Harness;

namespace TunFlow.EndToEnd.Tests.Samples;

/// <summary>A sample as it was built, run as its README says.</summary>
internal sealed class SampleProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly Task<string> _errors;

    private SampleProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    internal static SampleProcess Start(NetworkNamespace where, string sample, params IEnumerable<string> arguments) =>
        new(where.Start(CliTool.Host, ["exec", Path.Combine(AppContext.BaseDirectory, sample + ".dll"), .. arguments]));

    /// <summary>The next line that it prints.</summary>
    internal async Task<string> ReadLineAsync() =>
        await _process.StandardOutput.ReadLineAsync().WaitAsync(s_limit)
        ?? throw new InvalidOperationException($"the sample ended: {await _errors}");

    /// <summary>Presses Enter.</summary>
    internal async Task EnterAsync()
    {
        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Presses Ctrl+D, which ends every sample, and takes what it still says.</summary>
    internal async Task<ToolResult> EndAsync()
    {
        _process.StandardInput.Close();
        string output = await _process.StandardOutput.ReadToEndAsync().WaitAsync(s_limit);
        await _process.WaitForExitAsync().WaitAsync(s_limit);
        return new ToolResult(_process.ExitCode, output, await _errors, TimeSpan.Zero);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}
