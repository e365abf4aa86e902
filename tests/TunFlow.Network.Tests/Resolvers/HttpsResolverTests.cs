using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class HttpsResolverTests
{
    private static readonly DnsQuestion s_question = new("host.example", DnsRecordType.A);
    private static readonly Uri s_uri = new("https://dns.example/dns-query?kind=test");

    private readonly TestCertificates _certificates = new();
    private X509Certificate2 _certificate = null!;

    [OneTimeSetUp]
    public void Issue() => _certificate = _certificates.Issue("dns.example", "127.0.0.1");

    [OneTimeTearDown]
    public void Release()
    {
        _certificate.Dispose();
        _certificates.Dispose();
    }

    [Test]
    public async Task A_query_is_a_POST_with_id_0_and_padding()
    {
        await using HttpsServer server = new(_certificate, query => HttpsServer.Ok(WireMessage.AnswerTo(query, "192.0.2.1")));
        using HttpsResolver resolver = Resolver(server);
        DnsResponse response = await resolver.QueryAsync(s_question);
        Assert.That(response.GetAddresses(), Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1") }));
        Assert.That(server.Heads.Single(), Does.StartWith("POST /dns-query?kind=test HTTP/1.1\r\n")
            .And.Contain("Host: dns.example\r\n").And.Contain("Content-Type: application/dns-message\r\n").And.Contain("Accept: application/dns-message\r\n")
            .And.Not.Contain("traceparent").And.Not.Contain("User-Agent"));
        Assert.That(server.Bodies.Single()[..2], Is.EqualTo(new byte[] { 0, 0 }));
        Assert.That(server.Bodies.Single(), Has.Length.EqualTo(128));
    }

    [Test]
    public async Task Queries_share_a_connection_and_disposing_closes_it()
    {
        await using HttpsServer server = new(_certificate, query => HttpsServer.Ok(WireMessage.AnswerTo(query, "192.0.2.1")));
        TrackingDialer dialer = new();
        HttpsResolver resolver = Resolver(server, dialer);
        for (int i = 0; i < 10; i++)
        {
            await resolver.QueryAsync(s_question);
        }

        // The platform may open a second one when it finds that the first doesn't speak HTTP/2.
        Assert.That(server.Listener.Connections, Is.InRange(1, 2));
        resolver.Dispose();
        await dialer.AllEndAsync();
        resolver.Dispose();
        dialer.AssertAllDisposedOnce();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await resolver.QueryAsync(s_question));
    }

    [Test]
    public async Task A_connection_that_the_server_closed_is_replaced()
    {
        await using HttpsServer server = new(_certificate, query => HttpsServer.Response("200 OK", "application/dns-message", WireMessage.AnswerTo(query, "192.0.2.1"), "Connection: close\r\n"));
        using HttpsResolver resolver = Resolver(server);
        await resolver.QueryAsync(s_question);
        await resolver.QueryAsync(s_question);
        Assert.That(server.Listener.Connections, Is.AtLeast(2));
    }

    [Test]
    public async Task Connections_are_bounded()
    {
        await using HttpsServer server = new(_certificate, query => HttpsServer.Ok(WireMessage.AnswerTo(query, "192.0.2.1")));
        using HttpsResolver resolver = Resolver(server);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => resolver.QueryAsync(s_question).AsTask()));
        Assert.That(server.Listener.Connections, Is.LessThanOrEqualTo(4));
    }

    public static IEnumerable<TestCaseData> BadResponses()
    {
        static TestCaseData Case(string name, Func<byte[], byte[]> respond) => new TestCaseData(respond).SetArgDisplayNames(name);
        yield return Case("404", _ => HttpsServer.Response("404 Not Found", "text/plain", []));
        yield return Case("500", query => HttpsServer.Response("500 Oops", "application/dns-message", WireMessage.AnswerTo(query, "192.0.2.1")));
        yield return Case("a redirect", _ => HttpsServer.Response("302 Found", "text/plain", [], "Location: https://192.0.2.66/\r\n"));
        yield return Case("another type", query => HttpsServer.Ok(WireMessage.AnswerTo(query, "192.0.2.1"), "text/html"));
        yield return Case("no type", query => [.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), 1, 2, 3]);
        yield return Case("an empty body", _ => HttpsServer.Ok([]));
        yield return Case("garbage", _ => HttpsServer.Ok([1, 2, 3]));
        yield return Case("another id", query => HttpsServer.Ok([1, .. WireMessage.AnswerTo(query, "192.0.2.1")[1..]]));
        yield return Case("more than a message can have", query => HttpsServer.Ok([.. WireMessage.AnswerTo(query, "192.0.2.1"), .. new byte[65_536]]));
        yield return Case("a compression loop", query => HttpsServer.Ok(WireMessage.Header(0, answers: 1).Raw(WireMessage.QuestionOf(query)).Pointer(30).Record(1, new byte[4]).ToArray()));
    }

    [TestCaseSource(nameof(BadResponses))]
    public async Task A_bad_response_is_told_as_such(Func<byte[], byte[]> respond)
    {
        await using HttpsServer server = new(_certificate, respond);
        using HttpsResolver resolver = Resolver(server);
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Response, NetworkError.ProtocolViolation)));
        Assert.That(server.Heads, Has.Count.EqualTo(1), "nobody was redirected");
    }

    [TestCase("HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: 100\r\nConnection: close\r\n\r\nabc")]
    [TestCase("HTTP/1.1 200")]
    public async Task A_response_that_ends_early_is_a_failed_receive(string response)
    {
        await using HttpsServer server = new(_certificate, _ => Encoding.ASCII.GetBytes(response + (response.Contains("close", StringComparison.Ordinal) ? "" : "Connection: close")));
        using HttpsResolver resolver = Resolver(server);
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That(exception.Stage, Is.EqualTo(DnsStage.Receive));
    }

    [Test]
    [Weakness(30)]
    public async Task A_certificate_for_another_name_fails_the_dial_and_frees_the_connection()
    {
        await using HttpsServer server = new(_certificate, query => HttpsServer.Ok(query));
        TrackingDialer dialer = new();
        using HttpsResolver resolver = new(new Uri("https://other.example/"), dialer, server.Listener.EndPoint) { CertificateChainPolicy = _certificates.Policy };
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.ProtocolViolation)));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    public async Task A_refused_connection_is_a_failed_dial()
    {
        using HttpsResolver resolver = new(s_uri, StreamDialer.FromFunc((_, _) => throw new NetworkException(NetworkError.ConnectionRefused)));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.ConnectionRefused)));
    }

    [Test]
    [Weakness(30)]
    public async Task A_handshake_that_hangs_is_given_up_after_10_seconds()
    {
        TaskCompletionSource hello = new();
        await using StreamServer server = new(async (stream, token) =>
        {
            await stream.ReadAtLeastAsync(new byte[100], 1, false, token);
            hello.SetResult();
            await Task.Delay(Timeout.Infinite, token);
        });
        ManualTimeProvider time = new();
        TrackingDialer dialer = new();
        using HttpsResolver resolver = new(s_uri, dialer, server.EndPoint) { TimeProvider = time };
        Task<DnsResponse> query = resolver.QueryAsync(s_question).AsTask();
        await hello.Task.WaitAsync(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromSeconds(10));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query);
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.TimedOut)));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    public async Task A_silent_server_is_given_up_after_20_seconds()
    {
        TaskCompletionSource asked = new();
        await using HttpsServer server = new(_certificate, _ =>
        {
            asked.SetResult();
            return null;
        });
        ManualTimeProvider time = new();
        using HttpsResolver resolver = new(s_uri, server.Listener.EndPoint) { TimeProvider = time, CertificateChainPolicy = _certificates.Policy };
        Task<DnsResponse> query = resolver.QueryAsync(s_question).AsTask();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromSeconds(20));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query);
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.TimedOut)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Cancelling_and_disposing_end_a_pending_query(bool cancels)
    {
        TaskCompletionSource asked = new();
        await using HttpsServer server = new(_certificate, _ =>
        {
            asked.SetResult();
            return null;
        });
        TrackingDialer dialer = new();
        HttpsResolver resolver = Resolver(server, dialer);
        using CancellationTokenSource cancel = new();
        Task<DnsResponse> query = resolver.QueryAsync(s_question, cancel.Token).AsTask();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        if (cancels)
        {
            await cancel.CancelAsync();
            OperationCanceledException exception = await Assert.CatchAsync<OperationCanceledException>(async () => await query);
            Assert.That(exception.CancellationToken, Is.EqualTo(cancel.Token));
            resolver.Dispose();
        }
        else
        {
            resolver.Dispose();
            await Assert.ThrowsAsync<ObjectDisposedException>(async () => await query);
        }

        await dialer.AllEndAsync();
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    [Weakness(30)]
    public async Task Disposing_ends_a_connection_that_is_being_made()
    {
        TaskCompletionSource<CancellationToken> dialled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<StreamConnection> deaf = new();
        HttpsResolver resolver = new(s_uri, StreamDialer.FromFunc((_, token) =>
        {
            dialled.SetResult(token);
            return new ValueTask<StreamConnection>(deaf.Task);
        }));
        Task<DnsResponse> query = resolver.QueryAsync(s_question).AsTask();
        CancellationToken seen = await dialled.Task.WaitAsync(TimeSpan.FromSeconds(10));
        resolver.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await query);
        Assert.That(seen.IsCancellationRequested, Is.True);
        TrackedConnection late = new();
        deaf.SetResult(late);
        await late.Ended.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(late.DisposeCount, Is.EqualTo(1));
    }

    [TestCase("https://dns.example/q", "dns.example:443")]
    [TestCase("https://dns.example:8443/q", "dns.example:8443")]
    [TestCase("https://192.0.2.53/q", "192.0.2.53:443")]
    [TestCase("https://[2001:db8::53]/q", "[2001:db8::53]:443")]
    public async Task Without_a_server_the_host_of_the_URI_is_dialled(string uri, string expected)
    {
        List<string> dialled = [];
        using HttpsResolver resolver = new(new Uri(uri), StreamDialer.FromFunc((remote, _) =>
        {
            dialled.Add(remote is DnsEndPoint name ? $"{name.Host}:{name.Port}" : remote.ToString()!);
            throw new NetworkException(NetworkError.ConnectionRefused);
        }));
        await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That(dialled, Is.EqualTo(new[] { expected }));
    }

    [Test]
    public void Bad_arguments_are_rejected()
    {
        TcpDialer dialer = new();
        IPEndPoint server = new(IPAddress.Loopback, 443);
        Assert.That(() => new HttpsResolver(null!, server), Throws.ArgumentNullException);
        Assert.That(() => new HttpsResolver(s_uri, (IPEndPoint)null!), Throws.ArgumentNullException);
        Assert.That(() => new HttpsResolver(s_uri, (IStreamDialer)null!), Throws.ArgumentNullException);
        Assert.That(() => new HttpsResolver(new Uri("http://dns.example/"), dialer), Throws.ArgumentException);
        Assert.That(() => new HttpsResolver(new Uri("/dns-query", UriKind.Relative), dialer), Throws.ArgumentException);
        Assert.That(() => new HttpsResolver(s_uri, dialer) { ConnectTimeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new HttpsResolver(s_uri, dialer) { Timeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        new HttpsResolver(s_uri, dialer).Dispose();
    }

    private HttpsResolver Resolver(HttpsServer server, IStreamDialer? dialer = null) =>
        new(s_uri, dialer ?? new TcpDialer(), server.Listener.EndPoint) { CertificateChainPolicy = _certificates.Policy };
}
