using System.Diagnostics;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Ten thousand connections at once: what one costs that is idle, and what a packet costs beside the others.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class ConcurrencyTests : LoadFixture
{
    private const int Many = 10_000;
    private const int Few = 100;

    [Test]
    [AcceptanceRow(28)]
    [Weakness(25)]
    public async Task An_idle_connection_takes_less_than_1536_native_and_2048_managed_bytes_and_no_thread()
    {
        LoadDialer dialer = new();
        (LwipDevice device, Swarm swarm) = Start(Many + Few, dialer);
        // What the tests before this one left behind.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        // The first ones bring pools and tables to life.
        await swarm.ConnectAsync(0, Few);
        long fakes = SizeOfFakes();
        (long managed, long native, int threads) = Measure(device);
        await swarm.ConnectAsync(Few, Many);
        await swarm.WaitAsync(() => dialer.Upstreams.Count == Many + Few, "all dials");
        (long managedAfter, long nativeAfter, int threadsAfter) = Measure(device);
        long managedEach = (managedAfter - managed - fakes) / Many, nativeEach = (nativeAfter - native) / Many;
        TestContext.Out.WriteLine($"{nativeEach} bytes native, {managedEach} managed (without {fakes / Many} of the test's upstream); {threads} threads, then {threadsAfter}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(nativeEach, Is.LessThanOrEqualTo(1536));
            Assert.That(managedEach, Is.LessThanOrEqualTo(2048));
            Assert.That(threadsAfter - threads, Is.LessThanOrEqualTo(2 + Environment.ProcessorCount), "none is theirs; the pool may try one or two");
        }
    }

    [Test]
    [AcceptanceRow(28)]
    [Weakness(24)]
    public async Task A_packet_among_ten_thousand_connections_costs_at_most_twice_that_among_a_hundred()
    {
        LoadDialer dialer = new() { Echoes = true };
        (LwipDevice _, Swarm swarm) = Start(Many, dialer);
        await swarm.ConnectAsync();
        long before = swarm.Flows.Sum(static flow => flow.Received);
        List<double> ratios = [];
        for (int round = 0; round < 6; round++)
        {
            // A hundred echoes at once in each case, as many of them in all. Side by side: what disturbs one disturbs the other.
            double few = await EchoesAsync(swarm, Few), many = await EchoesAsync(swarm, Many);
            ratios.Add(many / few);
            TestContext.Out.WriteLine($"an echo: {few:F1} us of processor time with {Few} of them, {many:F1} us with {Many}");
        }

        swarm.AssertIntact();
        Assert.That(swarm.Flows.Sum(static flow => flow.Received) - before, Is.GreaterThan(8 * Many));
        Assert.That(ratios.Min(), Is.LessThanOrEqualTo(2));
    }

    /// <summary>Microseconds of processor time of an echo: Many of them over so many connections, a hundred at once.</summary>
    private static async Task<double> EchoesAsync(Swarm swarm, int connections)
    {
        TimeSpan start = Process.GetCurrentProcess().TotalProcessorTime;
        for (int first = 0; first < Many; first += Few)
        {
            long[] expected = new long[Few];
            for (int i = 0; i < Few; i++)
            {
                SwarmFlow flow = swarm.Flows[(first + i) % connections];
                expected[i] = flow.Received + 100;
                flow.Send(100);
            }

            SpinWait spin = default;
            for (int i = 0; i < Few; i++)
            {
                while (swarm.Flows[(first + i) % connections].Received < expected[i])
                {
                    if (spin.NextSpinWillYield)
                        await Task.Yield();
                    else
                        spin.SpinOnce();
                }
            }
        }

        return (Process.GetCurrentProcess().TotalProcessorTime - start).TotalMicroseconds / Many;
    }

    /// <summary>The upstreams belong to the test: what they, their reads and their table take.</summary>
    private static long SizeOfFakes()
    {
        LoadDialer dialer = new();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < Many; i++)
        {
            LoadUpstream upstream = new(i);
            dialer.Upstreams[i] = upstream;
            // A pending read, as each of them has.
            _ = upstream.ReadAsync(Memory<byte>.Empty).AsTask();
        }

        long size = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(dialer);
        return size;
    }

    private static (long Managed, long Native, int Threads) Measure(LwipDevice device) =>
        (GC.GetTotalMemory(forceFullCollection: true), device.GetStatistics().NativeBytes, Process.GetCurrentProcess().Threads.Count);
}
