using System.Net;
using TunFlow.Cli.Arguments;

namespace TunFlow.Cli.Tests;

[TestFixture]
public sealed class CommandLineTests
{
    [Test]
    public void Run_without_options_has_the_defaults()
    {
        RunOptions options = CommandLine.ParseRun(["--", "curl", "-v", "--help"])!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(options.Command, Is.EqualTo((string[])["curl", "-v", "--help"]));
            Assert.That(options.Mtu, Is.EqualTo(1500));
            Assert.That(options.Dns, Is.Null);
            Assert.That(options.AllowHostLoopback, Is.False);
            Assert.That(options.Statistics, Is.False);
        }
    }

    [Test]
    public void Run_takes_all_options()
    {
        RunOptions options = CommandLine.ParseRun(
            ["--proxy", "direct://", "--mtu=9000", "--dns", "192.0.2.53", "--allow-host-loopback", "--stats", "--", "true", "--", "x"])!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(options.Command, Is.EqualTo((string[])["true", "--", "x"]));
            Assert.That(options.Mtu, Is.EqualTo(9000));
            Assert.That(options.Dns, Is.EqualTo(new IPEndPoint(IPAddress.Parse("192.0.2.53"), 53)));
            Assert.That(options.AllowHostLoopback, Is.True);
            Assert.That(options.Statistics, Is.True);
        }
    }

    [TestCase("192.0.2.53", "192.0.2.53", 53)]
    [TestCase("192.0.2.53:5353", "192.0.2.53", 5353)]
    [TestCase("2001:db8::53", "2001:db8::53", 53)]
    [TestCase("[2001:db8::53]:5353", "2001:db8::53", 5353)]
    [TestCase("::1", "::1", 53)]
    public void Dns_is_an_address_with_or_without_a_port(string text, string address, int port) =>
        Assert.That(CommandLine.ParseRun(["--dns", text, "--", "true"])!.Dns, Is.EqualTo(new IPEndPoint(IPAddress.Parse(address), port)));

    [Test]
    public void Up_takes_all_options()
    {
        UpOptions options = CommandLine.ParseUp(
            [
                "--tun", "tun7", "--proxy=direct://", "--mtu", "1280", "--address", "192.0.2.1/24", "--address=2001:db8::1/64",
                "--route", "0.0.0.0/0", "--route", "::/0", "--interface", "eth0", "--stats",
            ])!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(options.Tun, Is.EqualTo("tun7"));
            Assert.That(options.Mtu, Is.EqualTo(1280));
            Assert.That(options.Addresses.Select(static address => address.ToString()), Is.EqualTo((string[])["192.0.2.1/24", "2001:db8::1/64"]));
            Assert.That(options.Routes.Select(static route => route.ToString()), Is.EqualTo((string[])["0.0.0.0/0", "::/0"]));
            Assert.That(options.Interface, Is.EqualTo("eth0"));
            Assert.That(options.Statistics, Is.True);
        }
    }

    [TestCase("--help")]
    [TestCase("-h")]
    public void Help_wins_over_what_is_missing(string option)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(CommandLine.ParseRun([option]), Is.Null);
            Assert.That(CommandLine.ParseUp([option]), Is.Null);
        }
    }

    [TestCase("no command", "--stats")]
    [TestCase("no command", "--")]
    [TestCase("the command is empty", "--", "")]
    [TestCase("unexpected argument 'curl'", "curl", "http://example.com")]
    [TestCase("unexpected argument '-'", "-", "--", "true")]
    [TestCase("unknown option '--colour'", "--colour=red", "--", "true")]
    [TestCase("unknown option '-v'", "-v", "--", "true")]
    [TestCase("--mtu needs a value", "--mtu", "--", "true")]
    [TestCase("--mtu needs a value", "--mtu", "--stats", "--", "true")]
    [TestCase("--mtu needs a value", "--mtu")]
    [TestCase("--mtu is given twice", "--mtu", "1500", "--mtu=1500", "--", "true")]
    [TestCase("--mtu: '575'", "--mtu", "575", "--", "true")]
    [TestCase("--mtu: '65536'", "--mtu", "65536", "--", "true")]
    [TestCase("--mtu: ' 1500'", "--mtu", " 1500", "--", "true")]
    [TestCase("--mtu: '+1500'", "--mtu=+1500", "--", "true")]
    [TestCase("--mtu: ''", "--mtu=", "--", "true")]
    [TestCase("--mtu: '99999999999999'", "--mtu", "99999999999999", "--", "true")]
    [TestCase("--dns: 'resolver.example'", "--dns", "resolver.example", "--", "true")]
    [TestCase("--dns: '1'", "--dns", "1", "--", "true")]
    [TestCase("--dns: '192.0.2'", "--dns", "192.0.2", "--", "true")]
    [TestCase("--dns: '192.0.2.053'", "--dns", "192.0.2.053", "--", "true")]
    [TestCase("--dns: '0x7f.0.0.1'", "--dns", "0x7f.0.0.1", "--", "true")]
    [TestCase("--dns: '192.0.2.1:0'", "--dns", "192.0.2.1:0", "--", "true")]
    [TestCase("--dns: '192.0.2.1:65536'", "--dns", "192.0.2.1:65536", "--", "true")]
    [TestCase("--dns: '[192.0.2.1]:53'", "--dns", "[192.0.2.1]:53", "--", "true")]
    [TestCase("--dns: '2001:db8::53/64'", "--dns", "2001:db8::53/64", "--", "true")]
    [TestCase("--stats takes no value", "--stats=yes", "--", "true")]
    [TestCase("--stats is given twice", "--stats", "--stats", "--", "true")]
    [TestCase("socks5:// is not supported", "--proxy", "socks5://user:secret@192.0.2.1:1080", "--", "true")]
    [TestCase("ss:// is not supported", "--proxy=ss://secret", "--", "true")]
    [TestCase("direct:// has no host", "--proxy", "direct://192.0.2.1", "--", "true")]
    [TestCase("not a proxy URL", "--proxy", "secret", "--", "true")]
    [TestCase("not a proxy URL", "--proxy", "secret space://", "--", "true")]
    [TestCase("not a proxy URL", "--proxy", "direct", "--", "true")]
    public void Wrong_usage_of_run_is_explained(string expected, params string[] arguments)
    {
        CliException exception = Assert.Throws<CliException>(() => CommandLine.ParseRun(arguments))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(exception.ExitCode, Is.EqualTo(2));
            Assert.That(exception.Message, Does.Contain(expected).And.Not.Contain("secret"));
        }
    }

    [TestCase("--tun NAME is required")]
    [TestCase("--tun: ''", "--tun=")]
    [TestCase("--tun: 'a/b'", "--tun", "a/b")]
    [TestCase("--tun: 'sixteen-bytes-xx'", "--tun", "sixteen-bytes-xx")]
    [TestCase("takes no command", "--tun", "tun0", "--", "true")]
    [TestCase("--address: '192.0.2.1'", "--tun", "tun0", "--address", "192.0.2.1")]
    [TestCase("--address: '192.0.2.1/33'", "--tun", "tun0", "--address", "192.0.2.1/33")]
    [TestCase("--address: '192.0.2.1/-1'", "--tun", "tun0", "--address", "192.0.2.1/-1")]
    [TestCase("--address: '2001:db8::1/129'", "--tun", "tun0", "--address", "2001:db8::1/129")]
    [TestCase("--address: '[2001:db8::1]/64'", "--tun", "tun0", "--address", "[2001:db8::1]/64")]
    [TestCase("--address: '/24'", "--tun", "tun0", "--address", "/24")]
    [TestCase("the network is 192.0.2.0/24", "--tun", "tun0", "--route", "192.0.2.1/24")]
    [TestCase("the network is 2001:db8::/33", "--tun", "tun0", "--route", "2001:db8::1/33")]
    [TestCase("the network is 0.0.0.0/0", "--tun", "tun0", "--route", "192.0.2.1/0")]
    public void Wrong_usage_of_up_is_explained(string expected, params string[] arguments)
    {
        CliException exception = Assert.Throws<CliException>(() => CommandLine.ParseUp(arguments))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(exception.ExitCode, Is.EqualTo(2));
            Assert.That(exception.Message, Does.Contain(expected));
        }
    }
}
