using System.Diagnostics;

namespace TunFlow.Interop.Tests.Support;

/// <summary>Runs a program to its end and keeps what it printed.</summary>
internal static class ProcessRunner
{
    /// <summary>Variables by which a test host would tell a child build where to put its output or which SDK to use.</summary>
    private static readonly string[] InheritedBuildVariables =
        ["ArtifactsPath", "MSBuildSDKsPath", "MSBuildExtensionsPath", "MSBUILD_EXE_PATH", "MSBuildLoadMicrosoftTargetsReadOnly"];

    /// <summary>Output and error text together, and the exit code; the program is killed at the timeout.</summary>
    public static (int ExitCode, string Output) Run(TimeSpan timeout, string? directory, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? string.Empty,
        };
        foreach (var variable in InheritedBuildVariables)
            start.Environment.Remove(variable);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(timeout))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} ran longer than {timeout}");
        }

        // A build server that the program started may have inherited its output and keep it open for minutes.
        return Task.WaitAll([output, error], TimeSpan.FromSeconds(10))
            ? (process.ExitCode, output.Result + error.Result)
            : throw new TimeoutException($"{program} ended, but something it started still holds its output");
    }
}
