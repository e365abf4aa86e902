using System.Net;
using TunFlow.Policy;

namespace TunFlow.Cli.Tests.Policy;

[TestFixture]
public sealed class HostResolverTests
{
    [TestCase("192.0.2.53", "# comment", "search example.net", "nameserver 192.0.2.53", "nameserver 192.0.2.54")]
    [TestCase("192.0.2.53", "nameserver\t192.0.2.53\t# mine")]
    [TestCase("192.0.2.53", "nameserver not-an-address", "  nameserver 192.0.2.53")]
    [TestCase("2001:db8::53", "nameserver 2001:db8::53")]
    [TestCase("127.0.0.53", "nameserver 127.0.0.53", "options edns0 trust-ad")]
    [TestCase("127.0.0.1", "#nameserver 192.0.2.53", "nameservers 192.0.2.53", "nameserver")]
    [TestCase("127.0.0.1")]
    public void First_usable_name_server_is_taken(string expected, params string[] lines) =>
        Assert.That(HostResolver.Parse(lines), Is.EqualTo(new IPEndPoint(IPAddress.Parse(expected), 53)));

    [Test]
    public void Missing_file_means_the_local_host() =>
        Assert.That(HostResolver.Find("/nonexistent/resolv.conf"), Is.EqualTo(new IPEndPoint(IPAddress.Loopback, 53)));
}
