using System.Diagnostics;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>Runs programs. None outlives its test.</summary>
internal static class Tool
{
    internal static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(60);

    internal static ToolResult Run(string program, params string[] arguments) =>
        RunAsync(program, arguments).GetAwaiter().GetResult();

    internal static async Task<ToolResult> RunAsync(string program, IEnumerable<string> arguments, string? input = null, TimeSpan? timeout = null)
    {
        using Process process = Start(program, arguments);
        return await FinishAsync(process, input, timeout ?? DefaultTimeout);
    }

    internal static Process Start(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // A proxy of the machine's environment would swallow what is meant for the tunnel.
        foreach (string variable in start.Environment.Keys.Where(static name => name.EndsWith("_proxy", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(variable);
        return Process.Start(start)!;
    }

    internal static async Task<ToolResult> FinishAsync(Process process, string? input, TimeSpan timeout)
    {
        long started = Stopwatch.GetTimestamp();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (input is not null)
            await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using CancellationTokenSource limit = new(timeout);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{process.StartInfo.FileName} {string.Join(' ', process.StartInfo.ArgumentList)} did not end within {timeout}: {await output}{await error}");
        }

        return new ToolResult(process.ExitCode, await output, await error, Stopwatch.GetElapsedTime(started));
    }
}
