using System.Diagnostics;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>The tool as it was built, started as a process of its own.</summary>
internal static class CliTool
{
    private static readonly string s_assembly = Path.Combine(AppContext.BaseDirectory, "TunFlow.Cli.dll");

    /// <summary>The dotnet that runs these tests, where that can be told.</summary>
    internal static string Host { get; } = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet"
        ? path
        : Requirements.Find("dotnet") ?? "dotnet";

    internal static string[] Words(params IEnumerable<string> arguments) => [Host, "exec", s_assembly, .. arguments];

    internal static Process Start(params IEnumerable<string> arguments) => Tool.Start(Host, Words(arguments)[1..]);

    internal static Task<ToolResult> RunAsync(params IEnumerable<string> arguments) => Tool.RunAsync(Host, Words(arguments)[1..]);
}
