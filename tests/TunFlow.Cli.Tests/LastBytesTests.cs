using TunFlow.Cli.Run;
using TunFlow.Lwip;
using TunFlow.Testing;

namespace TunFlow.Cli.Tests;

[TestFixture]
public sealed class LastBytesTests
{
    [Test]
    public async Task Without_flows_it_returns_after_one_step()
    {
        ManualTimeProvider time = new();
        Task done = LastBytes.DeliverAsync(static () => Statistics(0, 5), time, CancellationToken.None);

        Assert.That(done.IsCompleted, Is.False);
        time.Advance(LastBytes.Step);
        await done.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task Flows_that_only_wait_out_their_end_are_not_waited_for()
    {
        ManualTimeProvider time = new();
        Task done = LastBytes.DeliverAsync(static () => Statistics(3, 5) with { FlowsTimeWait = 3 }, time, CancellationToken.None);

        time.Advance(LastBytes.Step);
        await done.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task Idle_flows_are_given_up()
    {
        ManualTimeProvider time = new();
        Task done = LastBytes.DeliverAsync(static () => Statistics(1, 5), time, CancellationToken.None);

        await StepAsync(time, done, LastBytes.Patience - LastBytes.Step);
        Assert.That(done.IsCompleted, Is.False);
        await StepAsync(time, done, 3 * LastBytes.Step);
        await done.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task Moving_flows_are_waited_for_up_to_the_limit()
    {
        ManualTimeProvider time = new();
        long bytes = 0;
        Task done = LastBytes.DeliverAsync(() => Statistics(1, ++bytes), time, CancellationToken.None);

        await StepAsync(time, done, LastBytes.Limit - LastBytes.Patience);
        Assert.That(done.IsCompleted, Is.False);
        await StepAsync(time, done, LastBytes.Patience + LastBytes.Step);
        await done.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task A_signal_ends_the_wait()
    {
        ManualTimeProvider time = new();
        using CancellationTokenSource signal = new();
        Task done = LastBytes.DeliverAsync(static () => Statistics(1, 5), time, signal.Token);

        await signal.CancelAsync();

        await done.WaitAsync(TimeSpan.FromSeconds(10));
    }

    private static LwipStatistics Statistics(int flows, long bytes) => new()
    {
        Flows = flows,
        StreamBytesUp = bytes,
        Drops = new PacketDropCounters(new long[PacketDropCounters.ReasonCount]),
    };

    // The continuation of each delay has to run before the next one starts, so time goes on in small steps.
    private static async Task StepAsync(ManualTimeProvider time, Task done, TimeSpan span)
    {
        for (TimeSpan gone = TimeSpan.Zero; gone < span && !done.IsCompleted; gone += LastBytes.Step)
        {
            time.Advance(LastBytes.Step);
            for (int i = 0; i < 50; i++)
                await Task.Yield();
        }
    }
}
