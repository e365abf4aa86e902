using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>The load generator of bench/load: a program in C, so that what is measured is the tunnel and not this process's own clients.</summary>
internal static class LoadTool
{
    internal static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "linux-x64-tools", "tunflow-load");

    /// <summary>Skips the test where the program was not built.</summary>
    internal static void Check()
    {
        if (!File.Exists(Path))
            Assert.Ignore("tunflow-load was not built");
    }

    /// <summary>Connections in a namespace: connect, exchange, end.</summary>
    /// <param name="where">Where the clients run.</param>
    /// <param name="target">ADDRESS-LAST:PORT, in rotation.</param>
    /// <param name="count">In all.</param>
    /// <param name="parallel">At a time.</param>
    /// <param name="end">Who ends them, in the program's words.</param>
    /// <param name="timeout">Of all together.</param>
    internal static async Task<ConnectionReport> ConnectAsync(NetworkNamespace where, string target, int count, int parallel, string end, TimeSpan timeout)
    {
        Process process = where.Start(
            Path,
            ["connections", "--count", count.ToString(CultureInfo.InvariantCulture), "--parallel", parallel.ToString(CultureInfo.InvariantCulture), "--end", end, target]);
        using (process)
        {
            ToolResult result = await Tool.FinishAsync(process, null, timeout);
            // What failed is in the report; without one the program could not run.
            Assert.That(result.Output, Does.StartWith("{"), $"exit code {result.ExitCode}: {result.Error}");
            using JsonDocument report = JsonDocument.Parse(result.Output);
            JsonElement root = report.RootElement;
            return new ConnectionReport(
                root.GetProperty("count").GetInt32(),
                root.GetProperty("rate").GetDouble(),
                root.GetProperty("total_us").GetProperty("p50").GetDouble(),
                root.GetProperty("total_us").GetProperty("p99").GetDouble(),
                root.GetProperty("failures").GetRawText());
        }
    }
}
