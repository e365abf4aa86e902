using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Faults;

/// <summary>Acceptance row 6 through the managed API. The C tests do every n of it; here the ordinary run does a sample.</summary>
[TestFixture]
[Category("Campaign")]
[AcceptanceRow(6)]
internal sealed class AllocationFailureTests
{
    private const int Last = 2000;

    [Test]
    public void The_nth_native_allocation_fails_and_every_flow_ends() =>
        Assert.That(FaultyLibrary.Run(typeof(AllocationFailureTests), nameof(EachInTurn), Last / Campaign.Rounds(400, Last)), Is.Null);

    [Test]
    public void One_allocation_in_a_hundred_fails_and_every_flow_ends() =>
        Assert.That(FaultyLibrary.Run(typeof(AllocationFailureTests), nameof(AtRandom), Campaign.Rounds(40, 200)), Is.Null);

    private static string? EachInTurn(int step)
    {
        int refused = 0;
        // The first allocations are the stack's own: there each one counts.
        for (int n = 1; n <= Last; n += n < 12 ? 1 : step)
        {
            AllocationFailureRound round = new((ulong)n, 0);
            if (round.RunAsync().GetAwaiter().GetResult() is { } problem)
                return $"allocation {n}: {problem}";
            if (round.Failures != 1)
                return $"allocation {n}: {round.Failures} failures were counted";
            refused += round.WasCreated ? 0 : 1;
        }

        return refused is > 3 and < 50 ? null : $"{refused} devices could not be created";
    }

    private static string? AtRandom(int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            AllocationFailureRound round = new(0, 10);
            if (round.RunAsync().GetAwaiter().GetResult() is { } problem)
                return $"round {i}: {problem}";
            if (round.WasCreated && round.Failures < 5)
                return $"round {i}: {round.Failures} failures were counted";
        }

        return null;
    }
}
