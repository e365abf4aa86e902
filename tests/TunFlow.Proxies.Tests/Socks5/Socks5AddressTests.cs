using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TunFlow.Proxies.Tests;

internal sealed class Socks5AddressTests
{
    [Test]
    public void An_IPv4_address_has_type_1() =>
        Assert.That(Socks5Address.Encode(IPEndPoint.Parse("8.8.8.8:853")), Is.EqualTo(new byte[] { 1, 8, 8, 8, 8, 3, 0x55 }));

    [Test]
    public void An_IPv6_address_has_type_4() =>
        Assert.That(
            Socks5Address.Encode(IPEndPoint.Parse("[2001:4860:4860::8888]:853")),
            Is.EqualTo((byte[])[4, 0x20, 0x01, 0x48, 0x60, 0x48, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x88, 3, 0x55]));

    [Test]
    public void A_mapped_address_is_sent_as_IPv4_and_a_zone_is_not_sent()
    {
        Assert.That(Socks5Address.Encode(IPEndPoint.Parse("[::ffff:8.8.8.8]:853")), Is.EqualTo(new byte[] { 1, 8, 8, 8, 8, 3, 0x55 }));
        IPAddress zoned = new(IPAddress.Parse("fe80::1").GetAddressBytes(), 7);
        Assert.That(Socks5Address.Encode(new IPEndPoint(zoned, 1)), Is.EqualTo((byte[])[4, 0xFE, 0x80, .. new byte[13], 1, 0, 1]));
    }

    [Test]
    public void A_name_has_type_3_and_its_length() =>
        Assert.That(Socks5Address.Encode(new DnsEndPoint("dns.google", 853)), Is.EqualTo((byte[])[3, 10, .. "dns.google"u8, 3, 0x55]));

    [TestCase(1)]
    [TestCase(254)]
    [TestCase(255)]
    public void A_name_of_up_to_255_bytes_is_sent_as_it_is(int length)
    {
        string name = new('a', length);
        Assert.That(Socks5Address.Encode(new DnsEndPoint(name, 65_535)), Is.EqualTo((byte[])[3, (byte)length, .. Encoding.ASCII.GetBytes(name), 0xFF, 0xFF]));
    }

    [Test]
    public void A_name_of_256_bytes_is_refused() =>
        Assert.That(() => Socks5Address.Encode(new DnsEndPoint(new string('a', 256), 853)), Throws.ArgumentException.With.Message.Contains("255 bytes"));

    [Test]
    public void A_name_of_other_letters_is_sent_in_its_ASCII_form() =>
        Assert.That(Socks5Address.Encode(new DnsEndPoint("b\u00fccher.example", 1)), Is.EqualTo((byte[])[3, 21, .. "xn--bcher-kva.example"u8, 0, 1]));

    [Test]
    public void A_name_that_has_no_ASCII_form_is_refused() =>
        Assert.That(() => Socks5Address.Encode(new DnsEndPoint($"{new string('\u00fc', 300)}.example", 1)), Throws.ArgumentException);

    [TestCase("127.0.0.1", 1)]
    [TestCase("::1", 4)]
    [TestCase("127.1", 3)]
    [TestCase("1", 3)]
    [TestCase("0x7f.1", 3)]
    public void A_name_that_is_an_address_is_sent_as_the_address(string name, int type) =>
        Assert.That(Socks5Address.Encode(new DnsEndPoint(name, 80))[0], Is.EqualTo(type));

    [Test]
    public void Endpoints_of_other_kinds_are_refused()
    {
        Assert.That(() => Socks5Address.Encode(new UnixDomainSocketEndPoint("/tmp/x")), Throws.ArgumentException);
        Assert.That(() => Socks5Address.Encode(null!), Throws.ArgumentNullException);
    }

    [TestCase("192.0.2.1:1")]
    [TestCase("[2001:db8::1]:65535")]
    [TestCase("0.0.0.0:0")]
    public void Addresses_are_read_as_they_were_written(string text)
    {
        IPEndPoint endPoint = IPEndPoint.Parse(text);
        byte[] written = Socks5Address.Encode(endPoint);
        Assert.That(Socks5Address.Length(written), Is.EqualTo(written.Length));
        Assert.That(Socks5Address.Decode(written), Is.EqualTo(endPoint));
    }

    [Test]
    public void Names_are_read_as_they_were_written()
    {
        Assert.That(Socks5Address.Decode([3, 12, .. "host.example"u8, 0, 80]), Is.EqualTo(new DnsEndPoint("host.example", 80)));
        Assert.That(Socks5Address.Decode([3, 9, .. "192.0.2.1"u8, 0, 80]), Is.EqualTo(IPEndPoint.Parse("192.0.2.1:80")));
        Assert.That(Socks5Address.Decode([4, .. IPAddress.Parse("::ffff:192.0.2.1").GetAddressBytes(), 0, 80]), Is.EqualTo(IPEndPoint.Parse("192.0.2.1:80")));
    }

    [TestCase(new byte[0])]
    [TestCase(new byte[] { 0 })]
    [TestCase(new byte[] { 0xC3, 0xBC })]
    [TestCase(new byte[] { (byte)'a', (byte)'\n' })]
    public void Names_that_can_not_be_names_are_none(byte[] name) =>
        Assert.That(Socks5Address.Decode([3, (byte)name.Length, .. name, 0, 80]), Is.Null);

    [TestCase(0)]
    [TestCase(2)]
    [TestCase(5)]
    [TestCase(255)]
    public void Other_types_have_no_length(int type) => Assert.That(Socks5Address.Length([(byte)type, 1]), Is.Zero);
}
