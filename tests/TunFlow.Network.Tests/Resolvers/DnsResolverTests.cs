using System.Net;
using System.Net.Sockets;
using TunFlow.Network.Resolvers;

namespace TunFlow.Network.Tests;

internal sealed class DnsResolverTests
{
    private static readonly IPAddress s_v4 = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress s_v6 = IPAddress.Parse("2001:db8::1");

    [Test]
    public async Task Both_families_are_asked_at_the_same_time()
    {
        TaskCompletionSource both = new();
        int asked = 0;
        IDnsResolver resolver = DnsResolver.FromFunc(async (question, _) =>
        {
            if (Interlocked.Increment(ref asked) == 2)
            {
                both.SetResult();
            }

            await both.Task;
            return Answer(question, s_v4, s_v6);
        });
        Assert.That(await resolver.LookUpAddressesAsync("host.example").AsTask().WaitAsync(TimeSpan.FromSeconds(10)), Is.EqualTo(new[] { s_v6, s_v4 }));
    }

    [TestCase(DnsRecordType.A)]
    [TestCase(DnsRecordType.Aaaa)]
    public async Task One_family_that_fails_does_not_hide_the_other(DnsRecordType failing)
    {
        IDnsResolver resolver = DnsResolver.FromFunc((question, _) => question.Type == failing
            ? throw new DnsException(DnsStage.Receive, NetworkError.TimedOut)
            : ValueTask.FromResult(Answer(question, s_v4, s_v6)));
        Assert.That(await resolver.LookUpAddressesAsync("host.example"), Is.EqualTo(new[] { failing == DnsRecordType.A ? s_v6 : s_v4 }));
    }

    [Test]
    public async Task If_nothing_is_found_the_failure_is_told()
    {
        IDnsResolver resolver = DnsResolver.FromFunc((question, _) => question.Type == DnsRecordType.A
            ? throw new DnsException(DnsStage.Receive, NetworkError.TimedOut)
            : ValueTask.FromResult(new DnsResponse(question)));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.LookUpAddressesAsync("host.example"));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.TimedOut));
    }

    [Test]
    public async Task A_name_without_any_address_has_none()
    {
        IDnsResolver resolver = DnsResolver.FromFunc((question, _) => ValueTask.FromResult(new DnsResponse(question)));
        Assert.That(await resolver.LookUpAddressesAsync("host.example"), Is.Empty);
    }

    [TestCase("192.0.2.1")]
    [TestCase("2001:db8::1")]
    public async Task An_address_is_its_own_result_and_nobody_is_asked(string host)
    {
        IDnsResolver resolver = DnsResolver.FromFunc((_, _) => throw new AssertionException("asked"));
        Assert.That(await resolver.LookUpAddressesAsync(host), Is.EqualTo(new[] { IPAddress.Parse(host) }));
    }

    [TestCase("")]
    [TestCase("a..b")]
    [TestCase("with space")]
    public async Task A_host_that_is_no_name_is_a_bad_request_and_nobody_is_asked(string host)
    {
        IDnsResolver resolver = DnsResolver.FromFunc((_, _) => throw new AssertionException("asked"));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.LookUpAddressesAsync(host));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Request, NetworkError.NameNotResolved)));
    }

    [TestCase(DnsResponseCode.ServerFailure)]
    [TestCase(DnsResponseCode.NameError)]
    [TestCase(DnsResponseCode.Refused)]
    public async Task Any_answer_but_success_is_told_with_its_code(DnsResponseCode code)
    {
        IDnsResolver resolver = DnsResolver.FromFunc((question, _) => ValueTask.FromResult(new DnsResponse(question) { ResponseCode = code }));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.LookUpAddressesAsync("host.example", AddressFamily.InterNetwork));
        Assert.That((exception.Stage, exception.Error, exception.ResponseCode), Is.EqualTo((DnsStage.Response, NetworkError.NameNotResolved, code)));
    }

    [Test]
    public async Task An_answer_cut_to_nothing_is_a_failure_and_not_an_empty_result()
    {
        IDnsResolver resolver = DnsResolver.FromFunc((question, _) => ValueTask.FromResult(new DnsResponse(question) { IsTruncated = true }));
        await Assert.ThrowsAsync<DnsException>(async () => await resolver.LookUpAddressesAsync("host.example", AddressFamily.InterNetwork));
    }

    [Test]
    public async Task Cancelling_ends_a_lookup_of_both_families()
    {
        IDnsResolver resolver = DnsResolver.FromFunc(async (question, token) =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return new DnsResponse(question);
        });
        using CancellationTokenSource cancel = new();
        Task<IPAddress[]> lookup = resolver.LookUpAddressesAsync("host.example", cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.CatchAsync<OperationCanceledException>(async () => await lookup);
    }

    [Test]
    public void Bad_arguments_are_rejected()
    {
        IDnsResolver resolver = DnsResolver.FromFunc((question, _) => ValueTask.FromResult(new DnsResponse(question)));
        Assert.That(() => DnsResolver.FromFunc(null!), Throws.ArgumentNullException);
        Assert.That(async () => await resolver.QueryAsync(null!), Throws.ArgumentNullException);
        Assert.That(async () => await resolver.LookUpAddressesAsync(null!), Throws.ArgumentNullException);
        Assert.That(async () => await DnsResolver.LookUpAddressesAsync(null!, "host.example"), Throws.ArgumentNullException);
        Assert.That(async () => await resolver.LookUpAddressesAsync("host.example", AddressFamily.Unix), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new DnsResponse(null!), Throws.ArgumentNullException);
        Assert.That(() => new DnsAddressRecord("a", null!, TimeSpan.Zero), Throws.ArgumentNullException);
        Assert.That(() => new DnsAliasRecord("a", "..", TimeSpan.Zero), Throws.ArgumentException);
    }

    private static DnsResponse Answer(DnsQuestion question, params IPAddress[] addresses) =>
        new(question) { Answers = [.. addresses.Select(address => new DnsAddressRecord(question.Name, address, TimeSpan.Zero))] };
}
