#nullable enable
using System.Diagnostics;

// Child processes with inherited output. No shell in between: arguments arrive as they are.
public static class Shell
{
    // Throws unless the command exits with 0.
    public static void Run(string file, params string[] arguments)
    {
        var code = Try(file, arguments);
        if (code != 0)
            throw new CommandException($"exit code {code}: {file} {string.Join(' ', arguments)}");
    }

    // The same, and the exception has the end of what it printed.
    public static void RunTelling(string file, params string[] arguments)
    {
        var (code, output) = Capture(file, quiet: false, arguments);
        if (code != 0)
            throw new CommandException($"exit code {code}: {file} {string.Join(' ', arguments)}\n{string.Join('\n', output.Split('\n').TakeLast(15))}");
    }

    public static int Try(string file, params string[] arguments)
    {
        using var process = Start(file, arguments, redirect: false);
        process.WaitForExit();
        return process.ExitCode;
    }

    // Standard output and error as text, and shown as they come unless quiet.
    public static (int Code, string Output) Capture(string file, bool quiet, params string[] arguments)
    {
        using var process = Start(file, arguments, redirect: true);
        var lines = new List<string>();
        void Add(string? line)
        {
            if (line is null)
                return;
            lock (lines)
                lines.Add(line);
            if (!quiet)
                Console.WriteLine(line);
        }

        process.OutputDataReceived += (_, e) => Add(e.Data);
        process.ErrorDataReceived += (_, e) => Add(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.WaitForExit();
        return (process.ExitCode, string.Join('\n', lines));
    }

    private static Process Start(string file, string[] arguments, bool redirect)
    {
        var start = new ProcessStartInfo(file)
        {
            WorkingDirectory = Paths.Root,
            UseShellExecute = false,
            RedirectStandardOutput = redirect,
            RedirectStandardError = redirect,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return Process.Start(start) ?? throw new CommandException($"{file} could not be started");
    }
}

public sealed class CommandException(string message) : Exception(message);
