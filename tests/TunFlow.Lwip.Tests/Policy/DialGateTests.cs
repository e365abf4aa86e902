using System.Net;

namespace TunFlow.Lwip.Tests.Policy;

[TestFixture]
internal sealed class DialGateTests
{
    private static readonly IPAddress s_first = IPAddress.Parse("10.0.0.1");
    private static readonly IPAddress s_second = IPAddress.Parse("10.0.0.2");

    [Test]
    public void Places_are_free_until_a_limit_is_reached()
    {
        DialGate gate = new(3, 2);

        bool[] free = [Enter(gate, s_first), Enter(gate, s_first), Enter(gate, s_first), Enter(gate, s_second), Enter(gate, s_second)];

        Assert.That(free, Is.EqualTo(new[] { true, true, false, true, false }));
        Assert.That(gate.Taken, Is.EqualTo(3));
    }

    [Test]
    public async Task Sources_that_wait_take_turns()
    {
        DialGate gate = new(1, 1);
        await gate.EnterAsync(s_second, default);
        List<int> order = [];
        Task[] waiters =
        [
            NoteAsync(gate.EnterAsync(s_first, default), 1), NoteAsync(gate.EnterAsync(s_first, default), 2), NoteAsync(gate.EnterAsync(s_second, default), 3),
        ];

        gate.Exit(s_second);
        await waiters[0];
        gate.Exit(s_first);
        await waiters[2];
        gate.Exit(s_second);
        await waiters[1];
        gate.Exit(s_first);

        Assert.That(order, Is.EqualTo(new[] { 1, 3, 2 }));
        Assert.That((gate.Taken, gate.Sources), Is.EqualTo((0, 0)));

        async Task NoteAsync(Task entered, int number)
        {
            await entered;
            order.Add(number);
        }
    }

    [Test]
    public async Task A_cancelled_wait_takes_no_place_and_leaves_nothing()
    {
        DialGate gate = new(1, 1);
        await gate.EnterAsync(s_first, default);
        using CancellationTokenSource cancellation = new();
        Task waiting = gate.EnterAsync(s_second, cancellation.Token);

        await cancellation.CancelAsync();

        Assert.That(async () => await waiting, Throws.InstanceOf<OperationCanceledException>());
        gate.Exit(s_first);
        Assert.That((gate.Taken, gate.Sources), Is.EqualTo((0, 0)));
        Assert.That(Enter(gate, s_second), Is.True);
    }

    [Test]
    public async Task Many_threads_never_exceed_the_limits()
    {
        DialGate gate = new(5, 3);
        int[] inside = new int[4];
        int most = 0, mostOfOne = 0;

        await Task.WhenAll(Enumerable.Range(0, 64).Select(worker => Task.Run(async () =>
        {
            int index = worker % 4;
            IPAddress source = new([10, 0, 0, (byte)index]);
            for (int i = 0; i < 200; i++)
            {
                await gate.EnterAsync(source, default);
                Max(ref most, gate.Taken);
                Max(ref mostOfOne, Interlocked.Increment(ref inside[index]));
                await Task.Yield();
                Interlocked.Decrement(ref inside[index]);
                gate.Exit(source);
            }
        }))).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.That((most, mostOfOne), Is.EqualTo((5, 2)).Or.EqualTo((5, 3)));
        Assert.That((gate.Taken, gate.Sources), Is.EqualTo((0, 0)));

        static void Max(ref int most, int value)
        {
            int seen;
            while ((seen = Volatile.Read(ref most)) < value && Interlocked.CompareExchange(ref most, value, seen) != seen)
            {
            }
        }
    }

    private static bool Enter(DialGate gate, IPAddress source) => gate.EnterAsync(source, default).IsCompletedSuccessfully;
}
