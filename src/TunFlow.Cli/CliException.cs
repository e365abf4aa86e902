namespace TunFlow.Cli;

/// <summary>Ends the tool with one line and an exit code.</summary>
internal sealed class CliException(string message, int exitCode = ExitCodes.Failure, Exception? innerException = null)
    : Exception(message, innerException)
{
    internal int ExitCode { get; } = exitCode;

    internal static CliException Usage(string message) => new(message, ExitCodes.Usage);
}
