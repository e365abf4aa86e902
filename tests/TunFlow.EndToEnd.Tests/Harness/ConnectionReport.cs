namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>What became of the connections of one run of <see cref="LoadTool"/>.</summary>
/// <param name="Count">Those whose answer came whole, and that ended as they should.</param>
/// <param name="PerSecond">The same in a second.</param>
/// <param name="Middle">Until the answer was there, in microseconds: half of them were faster.</param>
/// <param name="Slow">The same: 99 of 100 were faster.</param>
/// <param name="Failures">JSON: kinds and counts.</param>
internal sealed record ConnectionReport(int Count, double PerSecond, double Middle, double Slow, string Failures);
