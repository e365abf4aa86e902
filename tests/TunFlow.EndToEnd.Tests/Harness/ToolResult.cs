namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>What a program left behind.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Error, TimeSpan Elapsed)
{
    /// <summary>The standard output of a program that has to succeed.</summary>
    internal string Succeeded()
    {
        Assert.That(ExitCode, Is.Zero, $"stdout: {Output}\nstderr: {Error}");
        return Output;
    }
}
