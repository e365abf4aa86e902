namespace TunFlow.Cli;

/// <summary>Exit codes of the tool itself. Those of a command that was run pass through.</summary>
internal static class ExitCodes
{
    internal const int Success = 0;
    internal const int Failure = 1;
    internal const int Usage = 2;

    /// <summary>What shells report for a process that a signal ended is this plus the signal's number.</summary>
    internal const int SignalBase = 128;
}
