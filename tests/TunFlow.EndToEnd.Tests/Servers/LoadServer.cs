using System.Diagnostics;
using System.Text.Json;
using TunFlow.EndToEnd.Tests.Harness;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>One service of <see cref="LoadTool"/>, on the loopback of this process's own namespace.</summary>
internal sealed class LoadServer : IAsyncDisposable
{
    private readonly Process _process;

    private LoadServer(Process process, int port)
    {
        _process = process;
        Port = port;
    }

    internal int Port { get; }

    /// <param name="service">In the program's words: echo, once.</param>
    internal static async Task<LoadServer> StartAsync(string service)
    {
        Process process = Tool.Start(LoadTool.Path, ["serve", "--bind", "127.0.0.1", "--until-stdin-ends", $"{service}:0"]);
        string? line = await process.StandardOutput.ReadLineAsync().WaitAsync(Tool.DefaultTimeout);
        if (line is null)
        {
            using (process)
                Assert.Fail($"tunflow-load serve did not start: {await process.StandardError.ReadToEndAsync()}");
        }

        using JsonDocument ports = JsonDocument.Parse(line!);
        return new LoadServer(process, ports.RootElement.GetProperty("ports").GetProperty(service).GetInt32());
    }

    /// <summary>Ends it. How many connections it accepted.</summary>
    internal async Task<int> StopAsync()
    {
        ToolResult result = await Tool.FinishAsync(_process, null, Tool.DefaultTimeout);
        using JsonDocument report = JsonDocument.Parse(result.Succeeded());
        return report.RootElement.GetProperty("accepted").GetInt32();
    }

    public ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
        return ValueTask.CompletedTask;
    }
}
