using System.Net;
using System.Security.Cryptography.X509Certificates;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A server, or a network, that stalls at each step from the dial to the answer: cancellation is heard there, and the connection freed once.</summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class HandshakeCancellationTests(bool https)
{
    private static readonly DnsQuestion s_question = new("host.example", DnsRecordType.A);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

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

    [Test, Weakness(30)]
    public async Task Cancelling_ends_a_stall_at_every_read_and_write()
    {
        await using HttpsServer web = new(_certificate, query => HttpsServer.Response("200 OK", "application/dns-message", WireMessage.AnswerTo(query, "192.0.2.1")));
        await using StreamServer plain = DnsOverTls();
        StreamServer server = https ? web.Listener : plain;
        int steps = 0;
        while (true)
        {
            StallingDialer dialer = new(steps);
            using CancellationTokenSource cancellation = new();
            IDnsResolver resolver = Create(dialer, server);
            Task<DnsResponse> query = resolver.QueryAsync(s_question, cancellation.Token).AsTask();
            await Task.WhenAny(query, dialer.Stalled).WaitAsync(s_limit);
            if (!dialer.Stalled.IsCompleted)
            {
                // One step more than a whole query has.
                Assert.That((await query).Answers, Has.Count.EqualTo(1));
                (resolver as IDisposable)?.Dispose();
                break;
            }

            await cancellation.CancelAsync();

            OperationCanceledException exception = await Assert.CatchAsync<OperationCanceledException>(async () => await query.WaitAsync(s_limit));
            Assert.That(exception.CancellationToken, Is.EqualTo(cancellation.Token), $"step {steps}");
            // An HTTP connection outlives a request that was given up while it was made, or on it; it ends with its resolver.
            (resolver as IDisposable)?.Dispose();
            await dialer.Connection!.Ended.WaitAsync(s_limit);
            Assert.That(dialer.Connection.DisposeCount, Is.EqualTo(1), $"step {steps}");
            steps++;
        }

        TestContext.Out.WriteLine($"{steps} steps");
        Assert.That(steps, Is.GreaterThan(4), "hello, its answer, the key, the query, the answer");
    }

    [Test, Weakness(30)]
    public async Task Cancelling_ends_a_dial_that_does_not_listen_and_its_late_connection_is_disposed()
    {
        TaskCompletionSource<StreamConnection> dial = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource dialled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        IDnsResolver resolver = Create(
            StreamDialer.FromFunc((_, _) =>
            {
                dialled.SetResult();
                return new ValueTask<StreamConnection>(dial.Task);
            }),
            null);
        using CancellationTokenSource cancellation = new();
        Task<DnsResponse> query = resolver.QueryAsync(s_question, cancellation.Token).AsTask();
        await dialled.Task.WaitAsync(s_limit);

        await cancellation.CancelAsync();

        await Assert.CatchAsync<OperationCanceledException>(async () => await query.WaitAsync(s_limit));
        (resolver as IDisposable)?.Dispose();
        TrackedConnection late = new();
        dial.SetResult(late);
        await late.Ended.WaitAsync(s_limit);
        Assert.That(late.DisposeCount, Is.EqualTo(1));
    }

    private IDnsResolver Create(IStreamDialer dialer, StreamServer? server)
    {
        EndPoint endPoint = server?.EndPoint ?? IPEndPoint.Parse("192.0.2.53:853");
        return https
            ? new HttpsResolver(new Uri("https://dns.example/dns-query"), dialer, endPoint) { CertificateChainPolicy = _certificates.Policy }
            : new TlsResolver(dialer, endPoint, "dns.example") { CertificateChainPolicy = _certificates.Policy };
    }

    private StreamServer DnsOverTls() => new(async (stream, token) =>
    {
        using System.Net.Security.SslStream tls = new(stream);
        await tls.AuthenticateAsServerAsync(new System.Net.Security.SslServerAuthenticationOptions { ServerCertificate = _certificate }, token);
        byte[] query = await StreamServer.ReadQueryAsync(tls, token);
        await tls.WriteAsync(StreamServer.Framed(WireMessage.AnswerTo(query, "192.0.2.1")), token);
    });

    /// <summary>Dials by TCP; the connection's calls hang from the given one on.</summary>
    private sealed class StallingDialer(int step) : IStreamDialer
    {
        private readonly TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Stalled => _stalled.Task;

        public TrackedConnection? Connection { get; private set; }

        public async ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
        {
            StreamConnection connection = await new TcpDialer().DialStreamAsync(remote, cancellationToken);
            return Connection = new TrackedConnection(new StallingStream(connection, step, _stalled));
        }
    }

    private sealed class StallingStream(Stream inner, int step, TaskCompletionSource stalled) : DelegatingStream(inner)
    {
        private int _calls;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await StepAsync(cancellationToken);
            return await base.ReadAsync(buffer, cancellationToken);
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await StepAsync(cancellationToken);
            await base.WriteAsync(buffer, cancellationToken);
        }

        private async Task StepAsync(CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _calls) <= step)
                return;
            stalled.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }
}
