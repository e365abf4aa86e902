using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace TunFlow.Network.Tests;

/// <summary>Lookups and dialers that misbehave, and what must be freed.</summary>
internal sealed class HappyEyeballsHostileTests
{
    private const string A4 = "192.0.2.1";
    private const string B4 = "192.0.2.2";
    private const string A6 = "2001:db8::1";

    private static readonly DnsEndPoint s_remote = new("host.example", 443);

    [Test]
    public async Task A_loser_that_connects_after_the_winner_is_disposed_once()
    {
        (HappyEyeballsRace race, Task<StreamConnection> dial, TaskCompletionSource<StreamConnection> late) = await TwoAttemptsAsync(default);
        await using TrackedConnection winner = race.Succeeds(A4);
        Assert.That(await dial, Is.SameAs(winner));
        TrackedConnection loser = new();
        late.SetResult(loser);
        await loser.Ended.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(loser.DisposeCount, Is.EqualTo(1));
        Assert.That(winner.DisposeCount, Is.Zero);
    }

    [Test]
    public async Task A_winner_that_comes_after_the_callers_cancelling_is_disposed_once()
    {
        using CancellationTokenSource cancel = new();
        (_, Task<StreamConnection> dial, TaskCompletionSource<StreamConnection> late) = await TwoAttemptsAsync(cancel.Token);
        await cancel.CancelAsync();
        await Assert.CatchAsync<OperationCanceledException>(async () => await dial);
        TrackedConnection loser = new();
        late.SetResult(loser);
        await loser.Ended.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(loser.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task Of_many_that_connect_at_the_same_time_one_is_returned_and_the_others_are_disposed_once()
    {
        for (int round = 0; round < 50; round++)
        {
            List<TrackedConnection> made = [];
            HappyEyeballsRace race = new();
            TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
            race.OnDial = async (_, _) =>
            {
                await go.Task;
                TrackedConnection connection = new();
                lock (made)
                {
                    made.Add(connection);
                }

                return connection;
            };
            Task<StreamConnection> dial = race.DialAsync();
            race.Resolves(A6);
            race.Resolves(A4, B4);
            race.EndsLookup();
            for (int i = 1; i <= 3; i++)
            {
                await Eventually.IsAsync(() => race.AttemptCount == i, $"{i} attempts");
                race.Pass(250);
            }

            go.SetResult();
            await using StreamConnection winner = await dial;
            await Eventually.IsAsync(() => made.Count == 3 && made.Sum(connection => connection.DisposeCount) == 2, "the losers are disposed");
            Assert.That(made.Single(connection => connection.DisposeCount == 0), Is.SameAs(winner));
        }
    }

    [Test]
    public async Task A_loser_whose_disposal_throws_harms_nobody()
    {
        (HappyEyeballsRace race, Task<StreamConnection> dial, TaskCompletionSource<StreamConnection> late) = await TwoAttemptsAsync(default);
        await using TrackedConnection winner = race.Succeeds(A4);
        Assert.That(await dial, Is.SameAs(winner));
        TrackedConnection loser = new() { DisposeError = new InvalidOperationException("no end") };
        late.SetResult(loser);
        await loser.Ended.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(loser.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task Token_callbacks_of_losers_that_throw_or_block_do_not_hold_up_the_winner()
    {
        HappyEyeballsRace race = new();
        using ManualResetEventSlim unblock = new();
        int called = 0;
        race.OnDial = (remote, token) =>
        {
            if (remote.AddressFamily == AddressFamily.InterNetwork)
            {
                return ValueTask.FromResult<StreamConnection>(new TrackedConnection());
            }

            token.Register(() =>
            {
                Interlocked.Increment(ref called);
                unblock.Wait();
                throw new InvalidOperationException("a callback of the dialer");
            });
            return new ValueTask<StreamConnection>(new TaskCompletionSource<StreamConnection>().Task);
        };
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A6);
        race.Resolves(A4);
        await Eventually.IsAsync(() => race.AttemptCount == 1, "the first attempt");
        race.Pass(250);
        await using StreamConnection winner = await dial.WaitAsync(TimeSpan.FromSeconds(10));
        await Eventually.IsAsync(() => Volatile.Read(ref called) == 1, "the callback runs");
        unblock.Set();
    }

    [Test]
    public async Task A_dialer_that_ignores_its_token_does_not_hold_up_cancelling()
    {
        HappyEyeballsRace race = new();
        TaskCompletionSource<StreamConnection> deaf = new();
        race.OnDial = (_, _) => new ValueTask<StreamConnection>(deaf.Task);
        using CancellationTokenSource cancel = new();
        Task<StreamConnection> dial = race.DialAsync(cancel.Token);
        race.Resolves(A6);
        await Eventually.IsAsync(() => race.AttemptCount == 1, "the attempt");
        await cancel.CancelAsync();
        await Assert.CatchAsync<OperationCanceledException>(async () => await dial.WaitAsync(TimeSpan.FromSeconds(10)));
        TrackedConnection late = new();
        deaf.SetResult(late);
        await late.Ended.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(late.DisposeCount, Is.EqualTo(1));
    }

    [Test]
    public async Task A_dialer_that_throws_at_once_counts_as_a_failed_attempt()
    {
        HappyEyeballsRace race = new() { OnDial = (_, _) => throw new InvalidOperationException("at once") };
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A6);
        race.Resolves(A4);
        race.EndsLookup();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dial);
        Assert.That(((AggregateException)exception.InnerException!).InnerExceptions, Has.Count.EqualTo(2).And.All.TypeOf<InvalidOperationException>());
        Assert.That(race.Order, Is.EqualTo(new[] { A6, A4 }));
    }

    [Test]
    public async Task A_dialer_that_returns_null_counts_as_a_failed_attempt()
    {
        HappyEyeballsRace race = new() { OnDial = (_, _) => ValueTask.FromResult<StreamConnection>(null!) };
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A6);
        race.EndsLookup();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dial);
        Assert.That(exception.InnerException, Is.TypeOf<InvalidOperationException>());
    }

    [Test]
    public async Task A_dialer_that_cancels_by_itself_counts_as_a_failed_attempt()
    {
        HappyEyeballsRace race = new() { OnDial = (_, _) => throw new OperationCanceledException("its own limit", new TimeoutException()) };
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A6);
        race.EndsLookup();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dial);
        Assert.That(exception.Error, Is.EqualTo(NetworkError.TimedOut));
    }

    [Test]
    public async Task A_lookup_that_throws_at_once_is_not_resolved()
    {
        HappyEyeballsRace race = new();
        InvalidOperationException thrown = new("at once");
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await race.Dialer(lookup: (_, _) => throw thrown).DialStreamAsync(s_remote));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NameNotResolved));
        Assert.That(exception.InnerException, Is.SameAs(thrown));
        exception = await Assert.ThrowsAsync<NetworkException>(async () => await race.Dialer(lookup: (_, _) => null!).DialStreamAsync(s_remote));
        Assert.That(exception.InnerException, Is.TypeOf<InvalidOperationException>());
    }

    [Test]
    public async Task A_lookup_that_throws_midway_leaves_the_addresses_it_gave()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A4);
        race.EndsLookup(new InvalidOperationException("midway"));
        await race.AttemptsAreAsync($"0 {A4}");
        await using TrackedConnection connection = race.Succeeds(A4);
        Assert.That(await dial, Is.SameAs(connection));
    }

    [Test]
    public async Task A_lookup_that_never_ends_keeps_the_dial_waiting_for_more_addresses_and_not_longer_than_its_caller()
    {
        HappyEyeballsRace race = new();
        using CancellationTokenSource cancel = new();
        Task<StreamConnection> dial = race.DialAsync(cancel.Token);
        race.Resolves(A6);
        await race.AttemptsAreAsync($"0 {A6}");
        race.Fails(A6);
        await Eventually.IsAsync(() => race.Lookups == 1, "the lookup runs");
        race.Resolves(A4);
        await race.AttemptsAreAsync($"0 {A6}", $"0 {A4}");
        race.Fails(A4);
        Assert.That(dial.IsCompleted, Is.False);
        await cancel.CancelAsync();
        await Assert.CatchAsync<OperationCanceledException>(async () => await dial);
    }

    [Test]
    public async Task A_lookup_that_ignores_its_token_does_not_hold_up_the_result()
    {
        HappyEyeballsRace race = new() { OnDial = (_, _) => ValueTask.FromResult<StreamConnection>(new TrackedConnection()) };
        TaskCompletionSource forever = new();

        async IAsyncEnumerable<HappyEyeballsResolution> DeafAsync(string host, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            yield return new HappyEyeballsResolution(IPAddress.Parse(A6));
            await forever.Task;
        }

        await using StreamConnection connection = await race.Dialer(lookup: DeafAsync).DialStreamAsync(s_remote).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(connection, Is.TypeOf<TrackedConnection>());
        forever.SetResult();
    }

    [Test]
    public async Task A_lookup_without_end_is_stopped()
    {
        HappyEyeballsRace race = new();
        int given = 0;

        async IAsyncEnumerable<HappyEyeballsResolution> EndlessAsync(string host, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            while (true)
            {
                given++;
                yield return default;
                await Task.Yield();
            }
        }

        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await race.Dialer(lookup: EndlessAsync).DialStreamAsync(s_remote));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NameNotResolved));
        Assert.That(given, Is.EqualTo(64));
    }

    [Test]
    public async Task Each_address_is_tried_once_however_often_and_in_whatever_form_it_is_given()
    {
        HappyEyeballsRace race = new() { OnDial = (remote, _) => throw new NetworkException(NetworkError.ConnectionRefused, $"{remote}") };
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A6, A6);
        race.Resolves(A4, $"::ffff:{A4}", A6);
        race.EndsLookup();
        await Assert.ThrowsAsync<NetworkException>(async () => await dial);
        Assert.That(race.Order, Is.EqualTo(new[] { A6, A4 }));
    }

    [Test]
    public async Task Attempts_are_bounded_and_the_error_tells_what_was_left_out()
    {
        HappyEyeballsRace race = new() { OnDial = (remote, _) => throw new NetworkException(NetworkError.ConnectionRefused, $"{remote}") };
        race.Resolves([.. Enumerable.Range(1, 200).Select(i => $"192.0.2.{i}")]);
        race.EndsLookup();
        HappyEyeballsStreamDialer dialer = race.Dialer(new HappyEyeballsOptions { MaxAttempts = 5, TimeProvider = race.Time });
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dialer.DialStreamAsync(s_remote));
        Assert.That(race.AttemptCount, Is.EqualTo(5));
        Assert.That(exception.Message, Does.Contain("195 more addresses"));
    }

    [Test]
    public async Task Attempts_that_hang_at_the_bound_are_waited_for()
    {
        HappyEyeballsRace race = new();
        race.Resolves(A4, B4);
        HappyEyeballsStreamDialer dialer = race.Dialer(new HappyEyeballsOptions { MaxAttempts = 1, TimeProvider = race.Time });
        Task<StreamConnection> dial = dialer.DialStreamAsync(s_remote).AsTask();
        await race.WaitsForTimersAsync(1);
        race.Pass(50);
        await race.AttemptsAreAsync($"50 {A4}");
        race.Pass(60_000);
        Assert.That(dial.IsCompleted, Is.False);
        race.Fails(A4);
        await Assert.ThrowsAsync<NetworkException>(async () => await dial);
        Assert.That(race.AttemptCount, Is.EqualTo(1));
    }

    [TestCase(AddressFamily.InterNetwork, A4)]
    [TestCase(AddressFamily.InterNetworkV6, A6)]
    public async Task Only_the_endpoints_family_is_used_if_it_has_one(AddressFamily family, string expected)
    {
        HappyEyeballsRace race = new() { OnDial = (remote, _) => throw new NetworkException(NetworkError.ConnectionRefused, $"{remote}") };
        Task<StreamConnection> dial = race.Dialer().DialStreamAsync(new DnsEndPoint("host.example", 443, family)).AsTask();
        race.Resolves(A4);
        await (family == AddressFamily.InterNetwork ? race.AttemptsAreAsync($"0 {A4}") : Task.CompletedTask);
        race.Resolves(A6);
        race.EndsLookup();
        await Assert.ThrowsAsync<NetworkException>(async () => await dial);
        Assert.That(race.Order, Is.EqualTo(new[] { expected }));
    }

    [TestCase(A4, AddressFamily.InterNetworkV6)]
    [TestCase(A6, AddressFamily.InterNetwork)]
    public async Task An_address_that_is_not_of_the_endpoints_family_is_not_dialled(string address, AddressFamily family)
    {
        HappyEyeballsRace race = new() { OnDial = (_, _) => throw new NetworkException(NetworkError.ConnectionRefused) };
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await race.Dialer().DialStreamAsync(new DnsEndPoint(address, 443, family)));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NameNotResolved));
        Assert.That((race.AttemptCount, race.Lookups), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task Parallel_lookups_start_in_order_and_give_their_results_as_they_finish()
    {
        TaskCompletionSource<IPAddress[]> slow = new();
        List<string> started = [];
        HappyEyeballsLookup lookup = HappyEyeballsLookups.InParallel(
            (host, _) =>
            {
                started.Add($"slow {host}");
                return slow.Task;
            },
            (host, _) =>
            {
                started.Add($"quick {host}");
                return Task.FromResult(new[] { IPAddress.Parse(A4) });
            },
            (_, _) => throw new InvalidOperationException("at once"));
        List<HappyEyeballsResolution> results = [];
        await foreach (HappyEyeballsResolution resolution in lookup("h", CancellationToken.None))
        {
            results.Add(resolution);
            if (results.Count == 2)
            {
                slow.SetResult([IPAddress.Parse(A6)]);
            }
        }

        Assert.That(started, Is.EqualTo(new[] { "slow h", "quick h" }));
        Assert.That(results.SelectMany(resolution => resolution.Addresses).Select(address => address.ToString()), Is.EqualTo(new[] { A4, A6 }));
        Assert.That(results.Select(resolution => resolution.Error).OfType<InvalidOperationException>().Count(), Is.EqualTo(1));
        Assert.That(default(HappyEyeballsResolution).Addresses, Is.Empty);
    }

    /// <summary>A dial with two attempts under way, of which the first ignores its token.</summary>
    private static async Task<(HappyEyeballsRace Race, Task<StreamConnection> Dial, TaskCompletionSource<StreamConnection> First)> TwoAttemptsAsync(CancellationToken cancellationToken)
    {
        HappyEyeballsRace race = new();
        TaskCompletionSource<StreamConnection> first = new(TaskCreationOptions.RunContinuationsAsynchronously);
        race.OnDial = (_, _) =>
        {
            race.OnDial = null;
            return new ValueTask<StreamConnection>(first.Task);
        };
        Task<StreamConnection> dial = race.DialAsync(cancellationToken);
        race.Resolves(A6);
        race.Resolves(A4);
        await race.AttemptsAreAsync($"0 {A6}");
        race.Pass(250);
        await race.AttemptsAreAsync($"0 {A6}", $"250 {A4}");
        return (race, dial, first);
    }
}
