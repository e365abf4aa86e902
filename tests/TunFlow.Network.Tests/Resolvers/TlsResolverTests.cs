using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class TlsResolverTests
{
    private static readonly DnsQuestion s_question = new("host.example", DnsRecordType.A);

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

    [TestCase("dns.example", "dns.example")]
    [TestCase("127.0.0.1", "")]
    [TestCase(null, "")]
    public async Task A_query_is_answered_padded_and_with_the_right_SNI(string? serverName, string sni)
    {
        byte[]? seen = null;
        string? seenName = null;
        await using StreamServer server = TlsServer(async (tls, token) =>
        {
            seenName = tls.TargetHostName;
            seen = await StreamServer.ReadQueryAsync(tls, token);
            await tls.WriteAsync(StreamServer.Framed(WireMessage.AnswerTo(seen, "192.0.2.1")), token);
        });
        TrackingDialer dialer = new();
        DnsResponse response = await Resolver(dialer, server, serverName).QueryAsync(s_question);
        Assert.That(response.GetAddresses(), Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1") }));
        Assert.That(seen, Has.Length.EqualTo(128));
        Assert.That(seenName, Is.EqualTo(sni));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    [Weakness(30)]
    public async Task A_certificate_for_another_name_fails_the_dial_and_frees_the_connection()
    {
        await using StreamServer server = DnsOverTls();
        TrackingDialer dialer = new();
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await Resolver(dialer, server, "other.example").QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.ProtocolViolation)));
        Assert.That(exception.InnerException, Is.TypeOf<AuthenticationException>());
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    public async Task An_IPv4_address_in_its_IPv6_form_is_the_same_name()
    {
        await using StreamServer server = DnsOverTls();
        IPEndPoint mapped = new(server.EndPoint.Address.MapToIPv6(), server.EndPoint.Port);
        TlsResolver resolver = new(mapped) { CertificateChainPolicy = _certificates.Policy };
        Assert.That((await resolver.QueryAsync(s_question)).Answers, Has.Count.EqualTo(1));
    }

    [Test]
    [Weakness(30)]
    public async Task A_certificate_of_an_unknown_authority_fails_the_dial_and_frees_the_connection()
    {
        await using StreamServer server = DnsOverTls();
        TrackingDialer dialer = new();
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await new TlsResolver(dialer, server.EndPoint, "dns.example").QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.ProtocolViolation)));
        dialer.AssertAllDisposedOnce();
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task The_callback_has_the_last_word(bool accepts)
    {
        await using StreamServer server = DnsOverTls();
        TrackingDialer dialer = new();
        TlsResolver resolver = new(dialer, server.EndPoint, "other.example")
        {
            CertificateValidation = (_, certificate, _, errors) =>
                accepts && certificate!.GetCertHashString() == _certificate.GetCertHashString() && errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch),
        };
        if (accepts)
        {
            Assert.That((await resolver.QueryAsync(s_question)).Answers, Has.Count.EqualTo(1));
        }
        else
        {
            Assert.That((await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question))).Stage, Is.EqualTo(DnsStage.Dial));
        }

        dialer.AssertAllDisposedOnce();
    }

    [Test]
    [Weakness(30)]
    public async Task A_callback_that_throws_fails_the_dial_and_frees_the_connection()
    {
        await using StreamServer server = DnsOverTls();
        TrackingDialer dialer = new();
        TlsResolver resolver = new(dialer, server.EndPoint) { CertificateValidation = (_, _, _, _) => throw new InvalidOperationException("of the application") };
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await resolver.QueryAsync(s_question));
        Assert.That(exception.Stage, Is.EqualTo(DnsStage.Dial));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    [Weakness(30)]
    public async Task A_server_without_TLS_fails_the_dial_and_frees_the_connection()
    {
        await using StreamServer server = new(async (stream, token) =>
        {
            await stream.ReadAtLeastAsync(new byte[100], 1, false, token);
            await stream.WriteAsync("220 mail.example ready\r\n"u8.ToArray(), token);
        });
        TrackingDialer dialer = new();
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await Resolver(dialer, server).QueryAsync(s_question));
        Assert.That(exception.Stage, Is.EqualTo(DnsStage.Dial));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    [Weakness(30)]
    public async Task A_server_that_closes_during_the_handshake_fails_the_dial_and_frees_the_connection()
    {
        await using StreamServer server = new(async (stream, token) => await stream.ReadAtLeastAsync(new byte[100], 1, false, token));
        TrackingDialer dialer = new();
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await Resolver(dialer, server).QueryAsync(s_question));
        Assert.That(exception.Stage, Is.EqualTo(DnsStage.Dial));
        dialer.AssertAllDisposedOnce();
    }

    [TestCase(true)]
    [TestCase(false)]
    [Weakness(30)]
    public async Task A_server_that_hangs_in_the_handshake_is_given_up(bool byCaller)
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
        TlsResolver resolver = new(dialer, server.EndPoint) { TimeProvider = time };
        using CancellationTokenSource cancel = new();
        Task<DnsResponse> query = resolver.QueryAsync(s_question, cancel.Token).AsTask();
        await hello.Task.WaitAsync(TimeSpan.FromSeconds(10));
        if (byCaller)
        {
            await cancel.CancelAsync();
            await Assert.CatchAsync<OperationCanceledException>(async () => await query);
        }
        else
        {
            time.Advance(TimeSpan.FromSeconds(10));
            DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query);
            Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.TimedOut)));
        }

        dialer.AssertAllDisposedOnce();
    }

    [Test]
    public async Task A_server_that_is_silent_after_the_handshake_is_given_up()
    {
        TaskCompletionSource asked = new();
        await using StreamServer server = TlsServer(async (tls, token) =>
        {
            await StreamServer.ReadQueryAsync(tls, token);
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, token);
        });
        ManualTimeProvider time = new();
        TrackingDialer dialer = new();
        TlsResolver resolver = new(dialer, server.EndPoint) { TimeProvider = time, CertificateChainPolicy = _certificates.Policy };
        Task<DnsResponse> query = resolver.QueryAsync(s_question).AsTask();
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await Eventually.IsAsync(() => dialer.Connections[0].IsReading, "the query waits for its answer");
        time.Advance(TimeSpan.FromSeconds(10));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await query);
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Receive, NetworkError.TimedOut)));
        dialer.AssertAllDisposedOnce();
    }

    [Test]
    public async Task Port_0_stands_for_853_and_arguments_are_checked()
    {
        List<EndPoint> dialled = [];
        IStreamDialer dialer = StreamDialer.FromFunc((remote, _) =>
        {
            dialled.Add(remote);
            throw new NetworkException(NetworkError.ConnectionRefused);
        });
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await new TlsResolver(dialer, IPEndPoint.Parse("192.0.2.53")).QueryAsync(s_question));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((DnsStage.Dial, NetworkError.ConnectionRefused)));
        Assert.That(dialled, Is.EqualTo(new[] { new IPEndPoint(IPAddress.Parse("192.0.2.53"), 853) }));
        Assert.That(() => new TlsResolver((IPEndPoint)null!), Throws.ArgumentNullException);
        Assert.That(() => new TlsResolver(null!, new DnsEndPoint("dns.example", 853)), Throws.ArgumentNullException);
        Assert.That(() => new TlsResolver(dialer, null!), Throws.ArgumentNullException);
        Assert.That(() => new TlsResolver(dialer, IPEndPoint.Parse("192.0.2.53"), ""), Throws.ArgumentException);
        Assert.That(() => new TlsResolver(dialer, new System.Net.Sockets.UnixDomainSocketEndPoint("/nowhere")), Throws.ArgumentException);
    }

    private TlsResolver Resolver(IStreamDialer dialer, StreamServer server, string? serverName = "dns.example") =>
        new(dialer, server.EndPoint, serverName) { CertificateChainPolicy = _certificates.Policy };

    private StreamServer DnsOverTls() => TlsServer(async (tls, token) =>
    {
        byte[] query = await StreamServer.ReadQueryAsync(tls, token);
        await tls.WriteAsync(StreamServer.Framed(WireMessage.AnswerTo(query, "192.0.2.1")), token);
    });

    private StreamServer TlsServer(Func<SslStream, CancellationToken, Task> serve) => new(async (stream, token) =>
    {
        using SslStream tls = new(stream);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, token);
        await serve(tls, token);
    });
}
