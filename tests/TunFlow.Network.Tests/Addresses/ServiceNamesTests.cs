namespace TunFlow.Network.Tests;

internal sealed class ServiceNamesTests
{
    private const string File = """
        # Network services
        tcpmux		1/tcp				# TCP port service multiplexer
        http		80/tcp		www  web	# WorldWideWeb
        domain		53/tcp
        domain		53/udp
        gopher  70/sctp
        broken
        broken2 x/tcp
        broken3 70000/tcp
        broken4 80
        broken5 80/tcp/udp
          indented   99/udp
        http 8080/tcp
        """;

    [TestCase("http", TransportProtocol.Tcp, 80)]
    [TestCase("WWW", TransportProtocol.Tcp, 80)]
    [TestCase("web", TransportProtocol.Tcp, 80)]
    [TestCase("http", TransportProtocol.Udp, null)]
    [TestCase("domain", TransportProtocol.Udp, 53)]
    [TestCase("indented", TransportProtocol.Udp, 99)]
    [TestCase("gopher", TransportProtocol.Tcp, null)]
    [TestCase("broken", TransportProtocol.Tcp, null)]
    [TestCase("broken3", TransportProtocol.Tcp, null)]
    [TestCase("broken5", TransportProtocol.Tcp, null)]
    [TestCase("WorldWideWeb", TransportProtocol.Tcp, null)]
    public void NamesAndAliasesOfAFileAreFoundInAnyCase(string name, TransportProtocol protocol, int? expected)
    {
        using StringReader file = new(File);
        int? found = ServiceNames.Read(file).TryFind(name, protocol, out ushort port) ? port : null;
        Assert.That(found, Is.EqualTo(expected));
    }

    [Test]
    public void AnEarlierFileWins()
    {
        using StringReader first = new("http 1/tcp");
        using StringReader second = new("http 2/tcp\nftp 3/tcp");
        ServiceNames names = ServiceNames.Read(first, second);
        Assert.That((names.TryFind("http", TransportProtocol.Tcp, out ushort http), http), Is.EqualTo((true, 1)));
        Assert.That((names.TryFind("ftp", TransportProtocol.Tcp, out ushort ftp), ftp), Is.EqualTo((true, 3)));
    }

    [TestCase("socks", TransportProtocol.Tcp, 1080)]
    [TestCase("https", TransportProtocol.Udp, 443)]
    [TestCase("domain-s", TransportProtocol.Tcp, 853)]
    public void TheSystemKnowsTheWellKnownOnesWhateverItsFile(string name, TransportProtocol protocol, int port) =>
        Assert.That((ServiceNames.System.TryFind(name, protocol, out ushort found), found), Is.EqualTo((true, port)));
}
