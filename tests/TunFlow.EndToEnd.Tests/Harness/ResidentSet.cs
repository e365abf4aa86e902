using System.Globalization;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>What a process has in memory, in bytes.</summary>
/// <param name="Data">Heaps, stacks, the collector's: what connections can take.</param>
/// <param name="Code">What the JIT compiled: grows for as long as it finds something to compile better, and no further.</param>
/// <param name="Files">Pages of libraries that were touched.</param>
/// <param name="Threads">Each has a stack, and heap pages of its own, among the data; the pool starts more on a busy machine.</param>
internal sealed record ResidentSet(long Data, long Code, long Files, int Threads)
{
    internal long All => Data + Code + Files;

    /// <summary>In MB.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Data / 1e6:F1}+{Code / 1e6:F1}+{Files / 1e6:F1} {Threads}");
}
