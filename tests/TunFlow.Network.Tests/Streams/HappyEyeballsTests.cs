using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network.Tests;

/// <summary>What RFC 8305 says, on virtual time.</summary>
internal sealed class HappyEyeballsTests
{
    private const string A4 = "192.0.2.1";
    private const string B4 = "192.0.2.2";
    private const string A6 = "2001:db8::1";
    private const string B6 = "2001:db8::2";
    private const string C6 = "2001:db8::3";

    private static CancellationToken Never => CancellationToken.None;

    [TestCase(A4)]
    [TestCase(A6)]
    public async Task An_address_is_dialled_at_once_and_without_a_lookup(string address)
    {
        HappyEyeballsRace race = new();
        await using TrackedConnection connection = new();
        race.OnDial = (_, _) => ValueTask.FromResult<StreamConnection>(connection);
        IPEndPoint remote = new(IPAddress.Parse(address), 443);
        Assert.That(await race.Dialer().DialStreamAsync(remote), Is.SameAs(connection));
        Assert.That(await race.Dialer().DialStreamAsync(new DnsEndPoint(address, 443)), Is.SameAs(connection));
        Assert.That(race.Order, Is.EqualTo(new[] { address, address }));
        Assert.That(race.Lookups, Is.Zero);
    }

    [TestCase("1")]
    [TestCase("0x7f.1")]
    [TestCase("127.1")]
    [TestCase("010.0.0.1")]
    public async Task A_name_that_old_parsers_take_for_an_address_is_looked_up(string host)
    {
        HappyEyeballsRace race = new();
        List<string> asked = [];
        HappyEyeballsLookup lookup = HappyEyeballsLookups.InParallel((name, _) =>
        {
            asked.Add(name);
            return Task.FromResult<IPAddress[]>([]);
        });
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await race.Dialer(lookup: lookup).DialStreamAsync(new DnsEndPoint(host, 443)));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NameNotResolved));
        Assert.That(asked, Is.EqualTo(new[] { host }));
    }

    [Test]
    public async Task IPv6_is_preferred_when_both_families_are_known()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A6);
        race.Resolves(A4);
        await race.AttemptsAreAsync($"0 {A6}");
        await using TrackedConnection connection = race.Succeeds(A6);
        Assert.That(await dial, Is.SameAs(connection));
        Assert.That(race.AttemptCount, Is.EqualTo(1));
        Assert.That(race.Time.ActiveTimers, Is.Zero, "no timer outlives the dial");
    }

    [Test]
    public async Task IPv6_that_comes_within_the_resolution_delay_goes_first()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A4);
        await race.WaitsForTimersAsync(1);
        race.Pass(49);
        Assert.That(race.AttemptCount, Is.Zero);
        race.Resolves(A6);
        await race.AttemptsAreAsync($"49 {A6}");
        await using TrackedConnection connection = race.Succeeds(A6);
        Assert.That(await dial, Is.SameAs(connection));
    }

    [Test]
    public async Task IPv4_starts_after_the_resolution_delay_and_IPv6_that_comes_then_is_next()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A4, B4);
        await race.WaitsForTimersAsync(1);
        race.Pass(50);
        await race.AttemptsAreAsync($"50 {A4}");
        race.Resolves(A6);
        await Eventually.IsAsync(() => race.ResultsTaken == 2, "the late address is known");
        race.Pass(250);
        await race.AttemptsAreAsync($"50 {A4}", $"300 {A6}");
        await using TrackedConnection connection = race.Succeeds(A6);
        Assert.That(await dial, Is.SameAs(connection));
        Assert.That(race.TokenOf(A6).IsCancellationRequested, Is.False, "the winner's token is left alone");
        await Eventually.IsAsync(() => race.TokenOf(A4).IsCancellationRequested, "the loser is cancelled");
    }

    [Test]
    public async Task IPv4_starts_at_once_when_the_lookup_ends_without_IPv6()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A4);
        await race.WaitsForTimersAsync(1);
        race.FailsToResolve(new IOException("no AAAA"));
        race.EndsLookup();
        await race.AttemptsAreAsync($"0 {A4}");
        await using TrackedConnection connection = race.Succeeds(A4);
        Assert.That(await dial, Is.SameAs(connection));
    }

    [Test]
    public async Task IPv4_takes_over_when_the_IPv6_lookup_hangs()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A4);
        await race.WaitsForTimersAsync(1);
        race.Pass(50);
        await race.AttemptsAreAsync($"50 {A4}");
        await using TrackedConnection connection = race.Succeeds(A4);
        Assert.That(await dial, Is.SameAs(connection));
        await Eventually.IsAsync(() => race.LookupToken.IsCancellationRequested, "the lookup is cancelled");
    }

    [Test]
    public async Task Families_alternate_every_250_milliseconds_and_IPv6_is_first()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A6, B6, C6);
        race.Resolves(A4, B4);
        await Eventually.IsAsync(() => race.ResultsTaken == 2, "all addresses are known");
        race.EndsLookup();
        string[] expected = [$"0 {A6}", $"250 {A4}", $"500 {B6}", $"750 {B4}", $"1000 {C6}"];
        for (int i = 0; i < expected.Length; i++)
        {
            await race.AttemptsAreAsync(expected[..(i + 1)]);
            race.Pass(249);
            await race.AttemptsAreAsync(expected[..(i + 1)]);
            race.Pass(1);
        }

        await using TrackedConnection connection = race.Succeeds(B6);
        Assert.That(await dial, Is.SameAs(connection));
        foreach (string loser in new[] { A6, A4, B4, C6 })
        {
            await Eventually.IsAsync(() => race.TokenOf(loser).IsCancellationRequested, $"{loser} is cancelled");
        }
    }

    [Test]
    public async Task A_failed_attempt_lets_the_next_one_start_at_once_and_the_delay_count_anew()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A6, B6);
        race.Resolves(A4, B4);
        await Eventually.IsAsync(() => race.ResultsTaken == 2, "all addresses are known");
        race.EndsLookup();
        await race.AttemptsAreAsync($"0 {A6}");
        race.Pass(100);
        race.Fails(A6);
        await race.AttemptsAreAsync($"0 {A6}", $"100 {A4}");
        race.Pass(249);
        await race.AttemptsAreAsync($"0 {A6}", $"100 {A4}");
        race.Pass(1);
        await race.AttemptsAreAsync($"0 {A6}", $"100 {A4}", $"350 {B6}");
        race.Fails(A4);
        await race.AttemptsAreAsync($"0 {A6}", $"100 {A4}", $"350 {B6}", $"350 {B4}");
        await using TrackedConnection connection = race.Succeeds(B4);
        Assert.That(await dial, Is.SameAs(connection));
    }

    [TestCase(1, A6, A4, B6, B4, C6)]
    [TestCase(2, A6, B6, A4, C6, B4)]
    [TestCase(9, A6, B6, C6, A4, B4)]
    public async Task The_first_family_gets_as_many_attempts_as_asked_for(int count, params string[] order)
    {
        HappyEyeballsRace race = new() { OnDial = (remote, _) => throw new NetworkException(NetworkError.ConnectionRefused, $"{remote}") };
        race.Resolves(A6, B6, C6);
        race.Resolves(A4, B4);
        race.EndsLookup();
        HappyEyeballsStreamDialer dialer = race.Dialer(new HappyEyeballsOptions { FirstAddressFamilyCount = count, TimeProvider = race.Time });
        await Assert.ThrowsAsync<NetworkException>(async () => await dialer.DialStreamAsync(new DnsEndPoint("host.example", 443)));

        // The lookup's two results come one after the other, and attempts fail faster than that: only the start is the lookup's.
        Assert.That(race.Order.Order(), Is.EqualTo(order.Order()));
        HappyEyeballsCandidates candidates = new(AddressFamily.Unspecified, count, 16);
        candidates.Add([.. new[] { A4, B4, A6, B6, C6 }.Select(IPAddress.Parse)]);
        Assert.That(Enumerable.Range(0, 5).Select(_ => candidates.Take().ToString()), Is.EqualTo(order));
    }

    [Test]
    public async Task One_family_that_fails_leaves_the_other_to_win()
    {
        HappyEyeballsRace race = new();
        race.OnDial = (remote, _) => remote.AddressFamily == AddressFamily.InterNetworkV6
            ? ValueTask.FromException<StreamConnection>(new NetworkException(NetworkError.NetworkUnreachable))
            : ValueTask.FromResult<StreamConnection>(new TrackedConnection());
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A6, B6);
        race.Resolves(A4);
        race.EndsLookup();
        await using StreamConnection connection = await dial;
        Assert.That(race.Order.Last(), Is.EqualTo(A4));
        Assert.That(race.Time.Elapsed, Is.EqualTo(TimeSpan.Zero));
    }

    [Test]
    public async Task IPv6_wins_when_the_IPv4_lookup_fails()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.FailsToResolve(new IOException("no A"));
        race.Resolves(A6);
        race.EndsLookup();
        await race.AttemptsAreAsync($"0 {A6}");
        await using TrackedConnection connection = race.Succeeds(A6);
        Assert.That(await dial, Is.SameAs(connection));
    }

    [Test]
    public async Task IPv6_that_comes_late_wins_when_IPv4_fails()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A4);
        await race.WaitsForTimersAsync(1);
        race.Pass(50);
        await race.AttemptsAreAsync($"50 {A4}");
        race.Fails(A4);
        race.Resolves(A6);
        await race.AttemptsAreAsync($"50 {A4}", $"50 {A6}");
        await using TrackedConnection connection = race.Succeeds(A6);
        Assert.That(await dial, Is.SameAs(connection));
    }

    [Test]
    public async Task The_second_address_wins_when_the_first_one_fails()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.Resolves(A4, B4);
        race.EndsLookup();
        await race.AttemptsAreAsync($"0 {A4}");
        race.Fails(A4);
        await race.AttemptsAreAsync($"0 {A4}", $"0 {B4}");
        await using TrackedConnection connection = race.Succeeds(B4);
        Assert.That(await dial, Is.SameAs(connection));
    }

    [Test]
    public async Task A_lookup_that_failed_is_the_reason_if_nothing_was_dialled()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        IOException first = new("AAAA failed");
        IOException second = new("A failed");
        race.FailsToResolve(first);
        race.FailsToResolve(second);
        race.EndsLookup();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dial);
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NameNotResolved));
        Assert.That(exception.Message, Does.Contain("host.example").And.Contain("AAAA failed"));
        Assert.That(((AggregateException)exception.InnerException!).InnerExceptions, Is.EqualTo(new[] { first, second }));
    }

    [Test]
    public async Task Dial_errors_say_more_than_lookup_errors_and_the_first_address_says_most()
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        race.FailsToResolve(new IOException("AAAA failed"));
        race.Resolves(A4, B4);
        race.EndsLookup();
        await race.AttemptsAreAsync($"0 {A4}");
        race.Pass(250);
        await race.AttemptsAreAsync($"0 {A4}", $"250 {B4}");
        race.Fails(B4, NetworkError.NetworkUnreachable);
        race.Fails(A4, NetworkError.ConnectionRefused);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dial);
        Assert.That(exception.Error, Is.EqualTo(NetworkError.ConnectionRefused));
        Assert.That(exception.Message, Does.Contain(A4).And.Contain(B4).And.Not.Contain("AAAA failed"));
        Assert.That(((AggregateException)exception.InnerException!).InnerExceptions.Select(NetworkErrors.Classify), Is.EqualTo(new[] { NetworkError.ConnectionRefused, NetworkError.NetworkUnreachable }));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public async Task A_name_without_addresses_is_not_resolved(int emptyResults)
    {
        HappyEyeballsRace race = new();
        Task<StreamConnection> dial = race.DialAsync();
        for (int i = 0; i < emptyResults; i++)
        {
            race.Resolves();
        }

        race.EndsLookup();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dial);
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NameNotResolved));
        Assert.That(exception.Message, Is.EqualTo("host.example has no address."));
        Assert.That(race.AttemptCount, Is.Zero);
    }

    [Test]
    public async Task Cancelling_during_the_lookup_ends_the_dial()
    {
        HappyEyeballsRace race = new();
        using CancellationTokenSource cancel = new();
        Task<StreamConnection> dial = race.DialAsync(cancel.Token);
        await Eventually.IsAsync(() => race.Lookups == 1, "the lookup runs");
        await cancel.CancelAsync();
        OperationCanceledException exception = await Assert.CatchAsync<OperationCanceledException>(async () => await dial);
        Assert.That(exception.CancellationToken, Is.EqualTo(cancel.Token));
        Assert.That(race.LookupToken.IsCancellationRequested, Is.True);
        Assert.That(race.Time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task Cancelling_during_the_attempts_ends_the_dial_and_starts_no_other()
    {
        HappyEyeballsRace race = new();
        using CancellationTokenSource cancel = new();
        Task<StreamConnection> dial = race.DialAsync(cancel.Token);
        race.Resolves(A6, B6);
        race.Resolves(A4);
        await Eventually.IsAsync(() => race.ResultsTaken == 2, "all addresses are known");
        await race.AttemptsAreAsync($"0 {A6}");
        race.Pass(250);
        await race.AttemptsAreAsync($"0 {A6}", $"250 {A4}");
        await cancel.CancelAsync();
        OperationCanceledException exception = await Assert.CatchAsync<OperationCanceledException>(async () => await dial);
        Assert.That(exception.CancellationToken, Is.EqualTo(cancel.Token));
        Assert.That(race.TokenOf(A6).IsCancellationRequested && race.TokenOf(A4).IsCancellationRequested, Is.True);
        Assert.That(race.AttemptCount, Is.EqualTo(2));
        Assert.That(race.Time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task A_cancelled_token_starts_nothing()
    {
        HappyEyeballsRace race = new();
        await Assert.CatchAsync<OperationCanceledException>(async () => await race.DialAsync(new CancellationToken(canceled: true)));
        Assert.That(race.Lookups, Is.Zero);
    }

    [Test]
    public async Task Bad_endpoints_and_arguments_are_rejected()
    {
        HappyEyeballsRace race = new();
        HappyEyeballsStreamDialer dialer = race.Dialer();
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await dialer.DialStreamAsync((EndPoint)null!, Never));
        await Assert.ThrowsAsync<ArgumentException>(async () => await dialer.DialStreamAsync(new UnixDomainSocketEndPoint("/nowhere"), Never));
        await Assert.ThrowsAsync<FormatException>(async () => await dialer.DialStreamAsync("no port", Never));
        Assert.That(() => new HappyEyeballsStreamDialer(null!, race.LookUpAsync), Throws.ArgumentNullException);
        Assert.That(() => new HappyEyeballsStreamDialer(race, (HappyEyeballsLookup)null!), Throws.ArgumentNullException);
        Assert.That(() => new HappyEyeballsStreamDialer(race, (Resolvers.IDnsResolver)null!), Throws.ArgumentNullException);
        Assert.That(() => new HappyEyeballsStreamDialer(null!, Resolvers.DnsResolver.FromFunc((_, _) => default)), Throws.ArgumentNullException);
        Assert.That(() => HappyEyeballsLookups.InParallel(), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => HappyEyeballsLookups.InParallel(null!), Throws.ArgumentNullException);
        Assert.That(() => HappyEyeballsLookups.InParallel([null!]), Throws.ArgumentNullException);
        Assert.That(race.Lookups, Is.Zero);
    }

    [Test]
    public void Options_keep_to_the_limits_of_the_RFC()
    {
        HappyEyeballsOptions options = new();
        Assert.That(options.ResolutionDelay, Is.EqualTo(TimeSpan.FromMilliseconds(50)));
        Assert.That(options.ConnectionAttemptDelay, Is.EqualTo(TimeSpan.FromMilliseconds(250)));
        Assert.That(options.FirstAddressFamilyCount, Is.EqualTo(1));
        Assert.That(() => new HappyEyeballsOptions { ConnectionAttemptDelay = TimeSpan.FromMilliseconds(9) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new HappyEyeballsOptions { ConnectionAttemptDelay = TimeSpan.FromMilliseconds(2001) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new HappyEyeballsOptions { ResolutionDelay = TimeSpan.FromMilliseconds(-1) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new HappyEyeballsOptions { ResolutionDelay = TimeSpan.FromMilliseconds(2001) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new HappyEyeballsOptions { FirstAddressFamilyCount = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new HappyEyeballsOptions { MaxAttempts = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new HappyEyeballsOptions { TimeProvider = null! }, Throws.ArgumentNullException);
        Assert.That(new HappyEyeballsOptions { ConnectionAttemptDelay = TimeSpan.FromMilliseconds(10) }.ConnectionAttemptDelay.TotalMilliseconds, Is.EqualTo(10));
    }
}
