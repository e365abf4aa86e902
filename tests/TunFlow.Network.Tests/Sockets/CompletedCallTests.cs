using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace TunFlow.Network.Tests;

[TestFixture]
internal sealed class CompletedCallTests
{
    [Test]
    public async Task A_success_is_taken_once_and_can_be_awaited_all_the_same()
    {
        ValueTask<int> call = new(7);
        Assert.That(CompletedCall.TryTake(ref call, out int result), Is.True);
        Assert.That((result, await call), Is.EqualTo((7, 7)));
    }

    [Test]
    public async Task A_pending_call_is_left_alone()
    {
        TaskCompletionSource<int> source = new();
        ValueTask<int> call = new(source.Task);
        Assert.That(CompletedCall.TryTake(ref call, out _), Is.False);
        source.SetResult(5);
        Assert.That(await call, Is.EqualTo(5));
    }

    [Test]
    public void A_success_that_becomes_a_failure_when_it_is_looked_at_is_left_for_the_awaiter()
    {
        Fickle source = new();
        ValueTask<int> call = new(source, 0);
        Assert.That(CompletedCall.TryTake(ref call, out _), Is.False);
        Assert.That(async () => await call, Throws.TypeOf<SocketException>());
        Assert.That(source.Results, Is.EqualTo(1), "a pooled source gives its result once");
    }

    /// <summary>An operation that another thread cancels at the worst moment.</summary>
    private sealed class Fickle : IValueTaskSource<int>
    {
        public int Results { get; private set; }

        public ValueTaskSourceStatus GetStatus(short token) => ValueTaskSourceStatus.Succeeded;

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) => continuation(state);

        public int GetResult(short token)
        {
            Results++;
            throw new SocketException((int)SocketError.OperationAborted);
        }
    }
}
