using TunFlow.Cli.Arguments;
using TunFlow.Cli.Output;
using TunFlow.Cli.Run;
using TunFlow.Cli.Up;

namespace TunFlow.Cli;

/// <summary>The command <c>tunflow</c>.</summary>
internal static class Program
{
    internal static Task<int> Main(string[] arguments) => MainAsync(arguments, Console.Out, Console.Error);

    internal static async Task<int> MainAsync(IReadOnlyList<string> arguments, TextWriter output, TextWriter error)
    {
        try
        {
            return await DispatchAsync(arguments, output, error);
        }
        catch (CliException exception)
        {
            Messages.Write(error, exception.Message);
            return exception.ExitCode;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            Messages.Write(error, exception.Message);
            return ExitCodes.Failure;
        }
    }

    private static async Task<int> DispatchAsync(IReadOnlyList<string> arguments, TextWriter output, TextWriter error)
    {
        switch (arguments)
        {
            case []:
                await error.WriteAsync(HelpTexts.Tool);
                return ExitCodes.Usage;
            case ["--help" or "-h" or "help", ..]:
                await output.WriteAsync(HelpTexts.Tool);
                return ExitCodes.Success;
            case ["--version"]:
                await output.WriteLineAsync($"tunflow {ProductVersion.Text}");
                return ExitCodes.Success;
            case ["run", ..]:
                return CommandLine.ParseRun([.. arguments.Skip(1)]) is { } run
                    ? await RunCommand.RunAsync(run, error)
                    : await HelpAsync(output, HelpTexts.Run);
            case ["up", ..]:
                return CommandLine.ParseUp([.. arguments.Skip(1)]) is { } up
                    ? await UpCommand.RunAsync(up, output, error)
                    : await HelpAsync(output, HelpTexts.Up);
            case [['-', ..], ..]:
                throw CliException.Usage($"unknown option '{arguments[0]}'; see 'tunflow --help'");
            default:
                throw CliException.Usage($"unknown command '{arguments[0]}'; see 'tunflow --help'");
        }
    }

    private static async Task<int> HelpAsync(TextWriter output, string text)
    {
        await output.WriteAsync(text);
        return ExitCodes.Success;
    }
}
