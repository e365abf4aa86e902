using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Servers that misbehave, over HTTP/1.1 and HTTP/2.</summary>
internal sealed class HttpsResolverHostileTests
{
    private static readonly DnsQuestion s_question = new("host.example", DnsRecordType.A);
    private static readonly Uri s_uri = new("https://dns.example/dns-query");

    private readonly TestCertificates _certificates = new();
    private X509Certificate2 _certificate = null!;

    [OneTimeSetUp]
    public void Issue() => _certificate = _certificates.Issue("dns.example");

    [OneTimeTearDown]
    public void Release()
    {
        _certificate.Dispose();
        _certificates.Dispose();
    }

    [TestCase("HTTP/1.1 200 OK\r\nContent-")]
    [TestCase("HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: 100\r\n\r\nabc")]
    [TestCase("HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")]
    [TestCase("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")]
    public async Task A_response_that_comes_to_no_end_is_given_up_at_the_limit_and_its_connection_closed(string start)
    {
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using HttpsServer server = new(_certificate, _ =>
        {
            asked.TrySetResult();
            return Encoding.ASCII.GetBytes(start);
        });
        ManualTimeProvider time = new();
        TrackingDialer dialer = new();
        using HttpsResolver resolver = Resolver(server.Listener, time, dialer);
        Task<DnsResponse> query = resolver.QueryAsync(s_question).AsTask();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromSeconds(20));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.TimedOut)));
        await dialer.AllEndAsync();
    }

    [Test]
    public async Task Headers_beyond_16_kilobytes_break_the_protocol()
    {
        await using HttpsServer server = new(_certificate, query => HttpsServer.Response("200 OK", "application/dns-message", WireMessage.AnswerTo(query, "192.0.2.1"), $"X: {new string('x', 20_000)}\r\n"));
        using HttpsResolver resolver = Resolver(server.Listener);
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.ProtocolViolation)));
    }

    [Test]
    public async Task A_compressed_answer_is_not_unpacked()
    {
        await using HttpsServer server = new(_certificate, query =>
        {
            using MemoryStream packed = new();
            using (GZipStream gzip = new(packed, CompressionLevel.Optimal))
            {
                gzip.Write(WireMessage.AnswerTo(query, "192.0.2.1"));
                gzip.Write(new byte[20_000_000]);
            }

            return HttpsServer.Response("200 OK", "application/dns-message", packed.ToArray(), "Content-Encoding: gzip\r\n");
        });
        using HttpsResolver resolver = Resolver(server.Listener);
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Response, NetworkError.ProtocolViolation)));
    }

    [TestCase(true)]
    [TestCase(false)]
    [Weakness(30)]
    public async Task A_handshake_that_the_server_ends_is_a_dial_closed_by_it(bool https)
    {
        await using StreamServer server = new(async (stream, token) => await stream.ReadAtLeastAsync(new byte[2000], 1, false, token));
        using HttpsResolver resolver = Resolver(server);
        IDnsResolver tested = https ? resolver : new TlsResolver(server.EndPoint, "dns.example");
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await tested.QueryAsync(s_question));
        Assert.That(exception.Stage, Is.EqualTo(DnsStage.Dial));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed).Or.EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public async Task The_age_of_an_answer_from_a_cache_is_taken_from_its_lifetime()
    {
        foreach ((string age, int left) in new[] { ("", 300), ("Age: 250\r\n", 50), ("Age: 400\r\n", 0), ("Age: x\r\n", 300) })
        {
            await using HttpsServer server = new(_certificate, query => HttpsServer.Response("200 OK", "application/dns-message", WireMessage.AnswerTo(query, "192.0.2.1"), age));
            using HttpsResolver resolver = Resolver(server.Listener);
            Assert.That((await resolver.QueryAsync(s_question)).Answers.Single().TimeToLive.TotalSeconds, Is.EqualTo(left), age);
        }
    }

    [TestCase("https://dns.example/dns-query{?dns}", "/dns-query")]
    [TestCase("https://dns.example/{?dns}", "/")]
    [TestCase("https://dns.example/q?kind=test{&dns}", "/q?kind=test")]
    public async Task A_URI_template_is_posted_to_without_its_variable(string template, string path)
    {
        await using HttpsServer server = new(_certificate, query => HttpsServer.Ok(WireMessage.AnswerTo(query, "192.0.2.1")));
        using HttpsResolver resolver = new(new Uri(template), server.Listener.EndPoint) { CertificateChainPolicy = _certificates.Policy };
        await resolver.QueryAsync(s_question);
        Assert.That(server.Heads.Single(), Does.StartWith($"POST {path} HTTP/1.1\r\n"));
    }

    [Test]
    public async Task The_configurator_sees_every_new_connection()
    {
        await using HttpsServer server = new(_certificate, query => HttpsServer.Response("200 OK", "application/dns-message", WireMessage.AnswerTo(query, "192.0.2.1"), "Connection: close\r\n"));
        List<EndPoint?> seen = [];
        using HttpsResolver resolver = new(s_uri, server.Listener.EndPoint, (_, remote) => seen.Add(remote)) { CertificateChainPolicy = _certificates.Policy };
        for (int i = 0; i < 3; i++)
        {
            await resolver.QueryAsync(s_question);
        }

        Assert.That(server.Listener.Connections, Is.EqualTo(3));
        Assert.That(seen, Is.EqualTo(Enumerable.Repeat(server.Listener.EndPoint, 3)));
    }

    [Test]
    public async Task Queries_share_one_connection_of_HTTP_2()
    {
        await using Http2Server server = new(_certificate, (_, stream, query) => Http2Server.Ok(stream, WireMessage.AnswerTo(query, "192.0.2.1")));
        using HttpsResolver resolver = Resolver(server.Listener);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => resolver.QueryAsync(s_question).AsTask()));
        Assert.That(server.Listener.Connections, Is.EqualTo(1));
    }

    [TestCase(2)]
    [TestCase(8)]
    public async Task A_stream_that_the_server_resets_is_a_failed_receive_and_harms_no_other(byte code)
    {
        int number = 0;
        await using Http2Server server = new(_certificate, (_, stream, query) => ++number == 1 ? Http2Server.Reset(stream, code) : Http2Server.Ok(stream, WireMessage.AnswerTo(query, "192.0.2.1")));
        using HttpsResolver resolver = Resolver(server.Listener);
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.ProtocolViolation)));
        Assert.That((await resolver.QueryAsync(s_question)).Answers, Has.Count.EqualTo(1));
        Assert.That(server.Listener.Connections, Is.EqualTo(1));
    }

    [Test]
    public async Task A_connection_that_has_died_in_silence_is_replaced_after_one_query()
    {
        SemaphoreSlim swallowed = new(0);
        await using Http2Server server = FallsSilent(swallowed);
        ManualTimeProvider time = new();
        TrackingDialer dialer = new();
        using HttpsResolver resolver = Resolver(server.Listener, time, dialer);
        await LoseQueryAsync(resolver, swallowed, time);
        await dialer.Connections[0].Ended.WaitAsync(TimeSpan.FromSeconds(10));
        DnsResponse response = await resolver.QueryAsync(s_question).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(response.Answers, Has.Count.EqualTo(1));
        Assert.That(server.Listener.Connections, Is.EqualTo(2));
    }

    [Test]
    public async Task Queries_at_the_moment_a_connection_is_given_up_get_their_answers()
    {
        for (int round = 0; round < 40; round++)
        {
            SemaphoreSlim swallowed = new(0);
            await using Http2Server server = FallsSilent(swallowed);
            ManualTimeProvider time = new();
            using HttpsResolver resolver = Resolver(server.Listener, time);
            await LoseQueryAsync(resolver, swallowed, time);
            Task<DnsResponse>[] queries = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(() => resolver.QueryAsync(s_question).AsTask()))];
            foreach (DnsResponse response in await Task.WhenAll(queries).WaitAsync(TimeSpan.FromSeconds(10)))
                Assert.That(response.Answers, Has.Count.EqualTo(1), $"in round {round}");
        }
    }

    [Test]
    public async Task A_query_that_gets_no_answer_leaves_a_living_connection_alone()
    {
        SemaphoreSlim swallowed = new(0);
        int number = 0;
        await using Http2Server server = new(_certificate, (_, stream, query) =>
        {
            if (++number == 2)
            {
                swallowed.Release();
                return null;
            }

            return Http2Server.Ok(stream, WireMessage.AnswerTo(query, "192.0.2.1"));
        });
        ManualTimeProvider time = new();
        using HttpsResolver resolver = Resolver(server.Listener, time);
        await resolver.QueryAsync(s_question);
        Task<DnsResponse> lost = resolver.QueryAsync(s_question).AsTask();
        Assert.That(await swallowed.WaitAsync(TimeSpan.FromSeconds(10)), Is.True);
        await resolver.QueryAsync(s_question);
        time.Advance(TimeSpan.FromSeconds(20));
        Assert.That((await Assert.ThrowsAsync<DnsException>(async () => await lost)).Error, Is.EqualTo(NetworkError.TimedOut));
        await resolver.QueryAsync(s_question).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(server.Listener.Connections, Is.EqualTo(1));
    }

    [Test]
    public async Task An_answer_over_HTTP_2_that_comes_to_no_end_is_given_up_at_the_limit()
    {
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Http2Server server = new(_certificate, (_, stream, query) =>
        {
            asked.TrySetResult();
            return Http2Server.Ok(stream, WireMessage.AnswerTo(query, "192.0.2.1"), cut: 10);
        });
        ManualTimeProvider time = new();
        using HttpsResolver resolver = Resolver(server.Listener, time);
        Task<DnsResponse> query = resolver.QueryAsync(s_question).AsTask();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromSeconds(20));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.TimedOut)));
    }

    [Test]
    public async Task A_dialer_that_fails_to_resolve_the_server_is_a_failed_dial_of_this_server()
    {
        DnsException other = new(DnsStage.Response, NetworkError.NameNotResolved, "no such name") { ResponseCode = DnsResponseCode.NameError };
        using HttpsResolver resolver = new(s_uri, StreamDialer.FromFunc((_, _) => throw other));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error, exception.ResponseCode), Is.EqualTo((DnsStage.Dial, NetworkError.NameNotResolved, (DnsResponseCode?)null)));
        Assert.That(exception.InnerException, Is.SameAs(other));
    }

    /// <summary>Answers the first query on its first connection and says nothing to the others there; later connections work.</summary>
    private Http2Server FallsSilent(SemaphoreSlim swallowed)
    {
        int number = 0;
        return new Http2Server(_certificate, (connection, stream, query) =>
        {
            if (connection == 1 && ++number > 1)
            {
                swallowed.Release();
                return null;
            }

            return Http2Server.Ok(stream, WireMessage.AnswerTo(query, "192.0.2.1"));
        });
    }

    /// <summary>One query that is answered, and one on the same connection that is given up at its limit.</summary>
    private static async Task LoseQueryAsync(HttpsResolver resolver, SemaphoreSlim swallowed, ManualTimeProvider time)
    {
        await resolver.QueryAsync(s_question);
        Task<DnsResponse> lost = resolver.QueryAsync(s_question).AsTask();
        Assert.That(await swallowed.WaitAsync(TimeSpan.FromSeconds(10)), Is.True);
        time.Advance(TimeSpan.FromSeconds(20));
        Assert.That((await Assert.ThrowsAsync<DnsException>(async () => await lost)).Error, Is.EqualTo(NetworkError.TimedOut));
    }

    private HttpsResolver Resolver(StreamServer server, TimeProvider? time = null, IStreamDialer? dialer = null) =>
        new(s_uri, dialer ?? new TcpDialer(), server.EndPoint) { CertificateChainPolicy = _certificates.Policy, TimeProvider = time ?? TimeProvider.System };
}
