using System.Net;

namespace TunFlow.Proxies.Tests;

/// <summary>A real server that drops what comes with the method, closes both directions with the first that ends, and has no UDP.</summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class MicrosocksTests(bool authenticated)
{
    private const string UserName = "tester";
    private const string Password = "correct horse";

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private ServerProcess _server = null!;

    private Socks5Credentials? Credentials => authenticated ? new Socks5Credentials(UserName, Password) : null;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        string binary = ServerProcess.Find("microsocks", "microsocks");
        string[] users = authenticated ? ["-u", UserName, "-P", Password] : [];
        _server = await ServerProcess.StartAsync(IPAddress.Loopback, port => [binary, "-i", "127.0.0.1", "-p", $"{port}", .. users]);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    [Test]
    public async Task The_strict_order_is_found_and_kept()
    {
        using EchoServer echo = new(IPAddress.Loopback);
        Socks5StreamDialer dialer = new(_server.EndPoint, Credentials);
        await using (StreamConnection first = await dialer.DialStreamAsync(echo.EndPoint).AsTask().WaitAsync(s_limit))
        {
            await EchoServer.AssertEchoesAsync(first, 1 << 20, halfCloses: false).WaitAsync(s_limit);
        }

        Assert.That(dialer.PipelinesHandshake, Is.False);
        await using StreamConnection second = await dialer.DialStreamAsync(new DnsEndPoint("localhost", echo.EndPoint.Port)).AsTask().WaitAsync(s_limit);
        await EchoServer.AssertEchoesAsync(second, 1 << 20, halfCloses: false).WaitAsync(s_limit);
    }

    [Test]
    public async Task A_refusal_is_a_refusal()
    {
        IPEndPoint nobody;
        using (EchoServer gone = new(IPAddress.Loopback))
        {
            nobody = gone.EndPoint;
        }

        Socks5StreamDialer dialer = new(_server.EndPoint, Credentials) { PipelinesHandshake = false };
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(nobody).AsTask().WaitAsync(s_limit));
        Assert.That((exception.Error, exception.Reply), Is.EqualTo((NetworkError.ConnectionRefused, (Socks5Reply?)Socks5Reply.ConnectionRefused)));
    }

    [Test]
    public async Task Wrong_credentials_are_told([Values] bool pipelined)
    {
        Socks5StreamDialer dialer = new(_server.EndPoint, new Socks5Credentials(UserName, "wrong horse")) { PipelinesHandshake = pipelined };
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => dialer.DialStreamAsync(IPEndPoint.Parse("127.0.0.1:9")).AsTask().WaitAsync(s_limit));
        Assert.That((exception.Stage, exception.Error), Is.EqualTo((authenticated ? Socks5Stage.Authentication : Socks5Stage.Method, NetworkError.AccessDenied)));
        Assert.That(exception.ToString(), Does.Not.Contain("horse"));
    }

    [Test]
    public async Task UDP_is_not_supported()
    {
        Socks5PacketListener listener = new(_server.EndPoint, Credentials) { PipelinesHandshake = false };
        Socks5Exception exception = await Assert.ThrowsAsync<Socks5Exception>(() => listener.ListenPacketAsync().AsTask().WaitAsync(s_limit));
        Assert.That((exception.Error, exception.Reply), Is.EqualTo((NetworkError.NotSupported, (Socks5Reply?)Socks5Reply.CommandNotSupported)));
    }
}
