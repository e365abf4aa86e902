using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Every resolver against a real name server.</summary>
[TestFixture("udp")]
[TestFixture("tcp")]
[TestFixture("tls")]
[TestFixture("https")]
internal sealed class UnboundTests(string kind)
{
    private readonly TestCertificates _certificates = new();
    private readonly List<SocketType> _configured = [];
    private X509Certificate2 _certificate = null!;
    private UnboundServer _server = null!;
    private IDnsResolver _resolver = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _certificate = _certificates.Issue("dns.example");
        _server = await UnboundServer.StartAsync(_certificate);
        _resolver = kind switch
        {
            "udp" => new UdpResolver(_server.Plain, Configure),
            "tcp" => new TcpResolver(_server.Plain, Configure),
            "tls" => new TlsResolver(_server.Tls, "dns.example", Configure) { CertificateChainPolicy = _certificates.Policy },
            _ => new HttpsResolver(new Uri($"https://dns.example:{_server.Https.Port}/dns-query"), _server.Https, Configure) { CertificateChainPolicy = _certificates.Policy },
        };
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        (_resolver as IDisposable)?.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _certificate?.Dispose();
        _certificates.Dispose();
    }

    [Test]
    public async Task Addresses_of_both_families_are_found()
    {
        IPAddress[] addresses = await _resolver.LookUpAddressesAsync("Host.Example.");
        Assert.That(addresses.Select(address => address.ToString()).Order(), Is.EqualTo(new[] { "192.0.2.1", "192.0.2.2", "2001:db8::1" }));
        Assert.That(addresses[0].AddressFamily, Is.EqualTo(AddressFamily.InterNetworkV6));
    }

    [Test]
    public async Task An_alias_is_a_record()
    {
        DnsResponse response = await _resolver.QueryAsync(new DnsQuestion("alias.example", DnsRecordType.Cname));
        Assert.That(((DnsAliasRecord)response.Answers.Single()).CanonicalName, Is.EqualTo("host.example"));
        Assert.That(response.Answers[0].TimeToLive, Is.EqualTo(TimeSpan.FromSeconds(60)));
    }

    [Test]
    public async Task A_name_that_does_not_exist_is_an_answer_and_not_an_address()
    {
        DnsQuestion question = new("nothing.example", DnsRecordType.A);
        Assert.That((await _resolver.QueryAsync(question)).ResponseCode, Is.EqualTo(DnsResponseCode.NameError));
        DnsException exception = await Assert.ThrowsAsync<DnsException>(async () => await _resolver.LookUpAddressesAsync("nothing.example"));
        Assert.That((exception.Stage, exception.Error, exception.ResponseCode), Is.EqualTo((DnsStage.Response, NetworkError.NameNotResolved, DnsResponseCode.NameError)));
    }

    [Test]
    public async Task A_name_without_addresses_of_a_family_has_none() =>
        Assert.That(await _resolver.LookUpAddressesAsync("four.example", AddressFamily.InterNetworkV6), Is.Empty);

    [Test]
    public async Task An_answer_too_large_for_UDP_arrives_whole()
    {
        DnsResponse response = await _resolver.QueryAsync(new DnsQuestion("many.example", DnsRecordType.Txt));
        Assert.That(response.Answers, Has.Count.EqualTo(40));
        Assert.That(response.IsTruncated, Is.False);
        Assert.That(_configured, Has.Some.EqualTo(SocketType.Stream));
    }

    [Test]
    public async Task Names_are_dialled_by_Happy_Eyeballs_over_the_resolver()
    {
        using Socket listener = TcpLoopback.Listen();
        HappyEyeballsStreamDialer dialer = new(new TcpDialer(), _resolver);
        await using StreamConnection connection = await dialer.DialStreamAsync($"four.example:{((IPEndPoint)listener.LocalEndPoint!).Port}");
        Assert.That(connection.RemoteEndPoint, Is.EqualTo(listener.LocalEndPoint));
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dialer.DialStreamAsync("nothing.example:80"));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NameNotResolved));
    }

    [Test]
    public async Task Twenty_queries_at_once_are_answered()
    {
        DnsResponse[] responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _resolver.QueryAsync(new DnsQuestion("host.example", DnsRecordType.A)).AsTask()));
        Assert.That(responses.Select(response => response.GetAddresses().Length), Is.All.EqualTo(2));
        Assert.That(_configured, Is.Not.Empty);
    }

    private void Configure(Socket socket, EndPoint? remote)
    {
        lock (_configured)
        {
            _configured.Add(socket.SocketType);
        }
    }
}
