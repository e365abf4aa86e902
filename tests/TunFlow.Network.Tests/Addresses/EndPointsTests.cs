using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;

namespace TunFlow.Network.Tests;

internal sealed class EndPointsTests
{
    [TestCase("192.0.2.1:80", "192.0.2.1", 80)]
    [TestCase("[2001:db8::1]:443", "2001:db8::1", 443)]
    [TestCase("[2001:DB8:0:0::1]:443", "2001:db8::1", 443)]
    [TestCase("[::ffff:192.0.2.1]:1", "::ffff:192.0.2.1", 1)]
    [TestCase("[::1]:0", "::1", 0)]
    [TestCase("0.0.0.0:0080", "0.0.0.0", 80)]
    [TestCase("[fe80::1%7]:53", "fe80::1%7", 53)]
    [TestCase("8.8.8.8:domain", "8.8.8.8", 53)]
    public void AddressesAreRead(string text, string address, int port)
    {
        foreach (TransportProtocol protocol in new[] { TransportProtocol.Tcp, TransportProtocol.Udp })
        {
            Assert.That(EndPoints.Parse(text, protocol), Is.EqualTo(new IPEndPoint(IPAddress.Parse(address), port)));
            Assert.That(EndPoints.TryParse(text, protocol, out EndPoint? endPoint), Is.True);
            Assert.That(endPoint, Is.EqualTo(new IPEndPoint(IPAddress.Parse(address), port)));
        }
    }

    [TestCase("example.com:80", "example.com", 80)]
    [TestCase("localhost:65535", "localhost", 65535)]
    [TestCase("Cloudflare-DNS.com:83", "Cloudflare-DNS.com", 83)]
    [TestCase("example.com.:80", "example.com.", 80)]
    [TestCase("_service.example:80", "_service.example", 80)]
    [TestCase("xn--bcher-kva.example:80", "xn--bcher-kva.example", 80)]
    [TestCase("1.example:80", "1.example", 80)]
    [TestCase("0x7f.example:80", "0x7f.example", 80)]
    [TestCase("face:80", "face", 80)]
    public void NamesAreReadInTheirCaseAndNotResolved(string text, string host, int port)
    {
        DnsEndPoint read = (DnsEndPoint)EndPoints.Parse(text, TransportProtocol.Tcp);
        Assert.That((read.Host, read.Port), Is.EqualTo((host, port)));
    }

    [TestCase("bücher.example:80", "xn--bcher-kva.example")]
    [TestCase("Bücher.Example:80", "xn--bcher-kva.Example")]
    [TestCase("bücher\u3002example:80", "xn--bcher-kva.example")]
    [TestCase("例え.テスト:80", "xn--r8jz45g.xn--zckzah")]
    public void NamesInOtherLettersGetTheirAsciiForm(string text, string host) =>
        Assert.That(((DnsEndPoint)EndPoints.Parse(text, TransportProtocol.Tcp)).Host, Is.EqualTo(host));

    [TestCase("example.org:https", TransportProtocol.Tcp, 443)]
    [TestCase("example.org:HTTPS", TransportProtocol.Tcp, 443)]
    [TestCase("example.org:http", TransportProtocol.Tcp, 80)]
    [TestCase("example.org:domain", TransportProtocol.Tcp, 53)]
    [TestCase("example.org:domain", TransportProtocol.Udp, 53)]
    [TestCase("example.org:ntp", TransportProtocol.Udp, 123)]
    public void NamedPortsAreTheProtocols(string text, TransportProtocol protocol, int port) =>
        Assert.That(((DnsEndPoint)EndPoints.Parse(text, protocol)).Port, Is.EqualTo(port));

    [Test]
    public void AnUnknownPortNameIsNamed()
    {
        Assert.That(() => EndPoints.Parse("example.org:no-such-service", TransportProtocol.Udp), Throws.TypeOf<FormatException>().With.Message.Contains("'no-such-service'").And.Message.Contains("UDP"));
        Assert.That(EndPoints.TryParse("example.org:no-such-service", TransportProtocol.Tcp, out EndPoint? endPoint), Is.False);
        Assert.That(endPoint, Is.Null);
    }

    [TestCase("", "host")]
    [TestCase(":80", "host")]
    [TestCase(":", "host")]
    [TestCase("example.com", "port")]
    [TestCase("example.com:", "port")]
    [TestCase("[::1]", "port")]
    [TestCase("[::1]:", "port")]
    [TestCase("example.com:65536", "65535")]
    [TestCase("example.com:99999999999999999999", "65535")]
    [TestCase("example.com:-1", "'-1'")]
    [TestCase("example.com: 80", "' 80'")]
    [TestCase("example.com:+80", "'+80'")]
    [TestCase("::1:80", "bracket")]
    [TestCase("1:2:3", "bracket")]
    [TestCase("[::1:80", "bracket")]
    [TestCase("[::1]80", "bracket")]
    [TestCase("[::1]]:80", "bracket")]
    [TestCase("[]:80", "IPv6")]
    [TestCase("[example.com]:80", "IPv6")]
    [TestCase("[192.0.2.1]:80", "IPv6")]
    [TestCase("[::1/64]:80", "IPv6")]
    [TestCase("[1:2:3]:80", "IPv6")]
    [TestCase("[fe80::1%]:80", "interface ''")]
    [TestCase("[fe80::1%no-such-if]:80", "'no-such-if'")]
    [TestCase("127.1:80", "address")]
    [TestCase("256.0.0.1:80", "address")]
    [TestCase("1.2.3.4.5:80", "address")]
    [TestCase("010.0.0.1:80", "address")]
    [TestCase("2130706433:80", "address")]
    [TestCase("0x7f000001:80", "address")]
    [TestCase("0x7f.0.0.0x1:80", "address")]
    [TestCase("1.2.3.4.:80", "address")]
    [TestCase("a..b:80", "empty label")]
    [TestCase(".a:80", "empty label")]
    [TestCase(".:80", "empty label")]
    [TestCase("a b:80", "U+0020")]
    [TestCase("user@host:80", "U+0040")]
    [TestCase("host/path:80", "U+002F")]
    [TestCase("a\0b:80", "U+0000")]
    [TestCase("1.2.3.4%eth0:80", "U+0025")]
    [TestCase("0x:80", "address")]
    [TestCase("0x7f.1:80", "address")]
    [TestCase("127.0.0.1.:80", "address")]
    [TestCase("\uFF11\uFF12\uFF17.0.0.1:80", "address")]
    [TestCase("127\u30020\u30020\u30021:80", "address")]
    [TestCase("example.com:\u0668\u0660", "neither a number")]
    [TestCase("example.com:8\u0660", "neither a number")]
    [TestCase("1,2,3,4:80", "U+002C")]
    [TestCase("[::ffff:0x7f.1]:80", "IPv6")]
    [TestCase("[::ffff:1.2.3]:80", "IPv6")]
    [TestCase("[::ffff:1.2.3.256]:80", "IPv6")]
    [TestCase("[1::2::3]:80", "IPv6")]
    [TestCase("[12345::]:80", "IPv6")]
    [TestCase("[:::]:80", "IPv6")]
    [TestCase("[[::1]]:80", "bracket")]
    [TestCase("[fe80::1%25]x:80", "bracket")]
    [TestCase("[fe80::1%lo%lo]:80", "interface")]
    [TestCase("[fe80::1%lo/64]:80", "interface")]
    [TestCase("[fe80::1%99999999999]:80", "interface")]
    [TestCase("[fe80::1%-1]:80", "interface")]
    [TestCase("[fe80::1% 1]:80", "interface")]
    [TestCase("-:80x", "neither a number")]
    [TestCase("a\u00ADb\u202E.example:80x", "neither a number")]
    public void OtherTextsAreRejectedAndTheMessageSaysWhy(string text, string reason)
    {
        Assert.That(() => EndPoints.Parse(text, TransportProtocol.Tcp), Throws.TypeOf<FormatException>().With.Message.Contains(reason));
        Assert.That(EndPoints.TryParse(text, TransportProtocol.Tcp, out _), Is.False);
    }

    [TestCase("example.org", "example.org", 443)]
    [TestCase("example.org:80", "example.org", 80)]
    [TestCase("192.0.2.1", "192.0.2.1", 443)]
    [TestCase("2001:db8::1", "2001:db8::1", 443)]
    [TestCase("::1:80", "::1:80", 443)]
    [TestCase("[2001:db8::1]", "2001:db8::1", 443)]
    [TestCase("[2001:db8::1]:80", "2001:db8::1", 80)]
    public void TheDefaultPortIsForHostsAlone(string text, string host, int port)
    {
        EndPoint expected = IPAddress.TryParse(host, out IPAddress? address) ? new IPEndPoint(address, port) : new DnsEndPoint(host, port);
        Assert.That(EndPoints.Parse(text, 443, TransportProtocol.Tcp), Is.EqualTo(expected));
        Assert.That(EndPoints.TryParse(text, 443, TransportProtocol.Tcp, out EndPoint? endPoint), Is.True);
        Assert.That(endPoint, Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase("example.org:")]
    [TestCase("[::1]:")]
    [TestCase("[::1")]
    [TestCase("1:2:3")]
    public void TheDefaultPortMendsNothing(string text)
    {
        Assert.That(() => EndPoints.Parse(text, 443, TransportProtocol.Tcp), Throws.TypeOf<FormatException>());
        Assert.That(EndPoints.TryParse(text, 443, TransportProtocol.Tcp, out _), Is.False);
    }

    [Test]
    public void NamesMayBeAsLongAsDnsAllowsAndNoLonger()
    {
        string label = new('a', 63);
        string name = $"{label}.{label}.{label}.{new string('a', 61)}";
        Assert.That(name, Has.Length.EqualTo(253));
        Assert.That(((DnsEndPoint)EndPoints.Parse($"{name}:1", TransportProtocol.Tcp)).Host, Is.EqualTo(name));
        Assert.That(((DnsEndPoint)EndPoints.Parse($"{name}.:1", TransportProtocol.Tcp)).Host, Is.EqualTo(name + "."));
        Assert.That(EndPoints.TryParse($"{name}a:1", TransportProtocol.Tcp, out _), Is.False);
        Assert.That(EndPoints.TryParse($"{label}a.example:1", TransportProtocol.Tcp, out _), Is.False);
        Assert.That(EndPoints.TryParse($"{new string('ü', 60)}.example:1", TransportProtocol.Tcp, out _), Is.False);
    }

    [Test]
    public void AZoneMayBeAnInterfacesName()
    {
        NetworkInterface? device = NetworkInterface.GetAllNetworkInterfaces().FirstOrDefault(candidate => candidate.Supports(NetworkInterfaceComponent.IPv6));
        Assume.That(device, Is.Not.Null);
        int index = device!.GetIPProperties().GetIPv6Properties().Index;
        IPEndPoint read = (IPEndPoint)EndPoints.Parse($"[fe80::1%{device.Name}]:53", TransportProtocol.Udp);
        Assert.That((read.Address.ScopeId, read.Port), Is.EqualTo((index, 53)));
    }

    [Test]
    public void WrongArgumentsAreRejected()
    {
        Assert.That(() => EndPoints.Parse(null!, TransportProtocol.Tcp), Throws.ArgumentNullException);
        Assert.That(() => EndPoints.Parse(null!, 1, TransportProtocol.Tcp), Throws.ArgumentNullException);
        Assert.That(() => EndPoints.Parse("a:1", (TransportProtocol)9), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => EndPoints.Parse("a", -1, TransportProtocol.Tcp), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => EndPoints.TryParse("a", 65_536, TransportProtocol.Tcp, out _), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [TestCase("192.0.2.1:80")]
    [TestCase("[2001:db8::1]:443")]
    [TestCase("[fe80::1%7]:443")]
    [TestCase("example.com:80")]
    public void WhatIsWrittenIsReadAgain(string text) =>
        Assert.That(EndPoints.Format(EndPoints.Parse(text, TransportProtocol.Tcp)), Is.EqualTo(text));

    [Test]
    public void AnIPv6AddressThatIsHeldAsANameIsWrittenInBrackets() =>
        Assert.That(EndPoints.Format(new DnsEndPoint("2001:db8::1", 443)), Is.EqualTo("[2001:db8::1]:443"));

    [TestCase("1.2.3.\u0664")]
    [TestCase("\u2460.\u2461.\u2462.\u2463")]
    [TestCase("\uFF10x7f.\uFF11")]
    [TestCase("\u2488\u2488\u2488\uFF11")]
    public void DigitsOfOtherKindsNeverMakeAnAddress(string host)
    {
        // Systems with the full Unicode tables map them to ASCII digits, others to names.
        if (EndPoints.TryParse($"{host}:80", TransportProtocol.Tcp, out EndPoint? endPoint))
        {
            Assert.That(endPoint, Is.TypeOf<DnsEndPoint>());
            Assert.That(((DnsEndPoint)endPoint).Host, Does.Contain("xn--"));
        }
    }

    [Test]
    public void NoCultureChangesWhatIsReadOrWritten()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            culture.NumberFormat.NegativeSign = "~";
            culture.NumberFormat.NativeDigits = ["\u0660", "\u0661", "\u0662", "\u0663", "\u0664", "\u0665", "\u0666", "\u0667", "\u0668", "\u0669"];
            CultureInfo.CurrentCulture = culture;
            foreach (string text in new[] { "192.0.2.1:80", "[2001:db8::1]:443", "IDI.example:1234" })
            {
                Assert.That(EndPoints.Format(EndPoints.Parse(text, TransportProtocol.Tcp)), Is.EqualTo(text));
            }

            Assert.That(EndPoints.Parse("1.2.3.4:DOMAIN", TransportProtocol.Tcp), Is.EqualTo(new IPEndPoint(IPAddress.Parse("1.2.3.4"), 53)));
            Assert.That(EndPoints.TryParse("1.2.3.4:~1", TransportProtocol.Tcp, out _), Is.False);
            Assert.That(((DnsEndPoint)EndPoints.Parse("B\u00DCIDI.example:1", TransportProtocol.Tcp)).Host, Is.EqualTo(((DnsEndPoint)EndPoints.Parse("b\u00FCidi.example:1", TransportProtocol.Tcp)).Host));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Test]
    public void OtherEndpointsAreNotWritten()
    {
        Assert.That(() => EndPoints.Format(null!), Throws.ArgumentNullException);
        Assert.That(() => EndPoints.Format(new System.Net.Sockets.UnixDomainSocketEndPoint("/nowhere")), Throws.ArgumentException);
    }

    [Test]
    public void RandomTextsAreReadOrRejectedAndNothingElse()
    {
        const string letters = "a1.:[]%-0fx ü/\u3002\ud800e_";
        Random random = new(7);
        int read = 0;
        for (int i = 0; i < 50_000; i++)
        {
            char[] text = new char[random.Next(14)];
            for (int j = 0; j < text.Length; j++)
            {
                text[j] = letters[random.Next(letters.Length)];
            }

            if (EndPoints.TryParse(text, TransportProtocol.Tcp, out EndPoint? endPoint))
            {
                read++;
                Assert.That(EndPoints.Parse(EndPoints.Format(endPoint), TransportProtocol.Tcp), Is.EqualTo(endPoint));
            }
        }

        Assert.That(read, Is.Positive);
    }
}
