using System.Diagnostics;
using System.Globalization;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Linux;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Steady;

/// <summary>
/// Less than a hundredth of a byte of managed memory is allocated per packet, in both directions of flows and sessions that run: over the stack alone,
/// and between a kernel TUN and plain sockets.
/// </summary>
[TestFixture]
[Category("Campaign")]
internal sealed class SteadyStateTests
{
    private const int Packets = 1_000_000;

    /// <summary>The slowest, whose packets pass the kernel one by one, in the ordinary run: as many bytes per packet of fewer.</summary>
    private const int SlowPackets = 200_000;

    [TestCase(SteadyPath.StreamUp, Packets)]
    [TestCase(SteadyPath.StreamDown, Packets)]
    [TestCase(SteadyPath.Datagrams, Packets)]
    [TestCase(SteadyPath.TunnelStreamUp, Packets)]
    [TestCase(SteadyPath.TunnelStreamDown, Packets)]
    [TestCase(SteadyPath.TunnelDatagrams, SlowPackets)]
    public async Task A_packet_allocates_nothing(SteadyPath path, int ordinary)
    {
        Allocation.NeedsOptimizedCode(typeof(LwipDevice));
        NativeLibraryRequirement.Check();
        if (path >= SteadyPath.TunnelStreamUp)
            NetworkNamespace.CreateOrSkip().Dispose();
        int packets = Campaign.Rounds(ordinary, Packets);

        long bytes = await MeasureAsync(path, packets);

        Campaign.Report($"managed bytes allocated per packet, {path}", (double)bytes / packets);
        Assert.That(bytes, Is.LessThan((long)(packets * SteadyRun.MostBytesPerPacket)), $"bytes for {packets} packets");
    }

    /// <summary>In a process of its own: the test runner allocates a kilobyte or two a second.</summary>
    private static async Task<long> MeasureAsync(SteadyPath path, int packets)
    {
        ProcessStartInfo start = new("dotnet", ["exec", typeof(Program).Assembly.Location, SteadyRun.Command, path.ToString(), packets.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        using CancellationTokenSource patience = new(TimeSpan.FromMinutes(4));
        try
        {
            Task<string> errors = process.StandardError.ReadToEndAsync(patience.Token);
            string output = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            TestContext.Out.Write(output);
            Assert.That(process.ExitCode, Is.Zero, await errors);
            return long.Parse(output.Trim().Split('\n')[^1], CultureInfo.InvariantCulture);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
