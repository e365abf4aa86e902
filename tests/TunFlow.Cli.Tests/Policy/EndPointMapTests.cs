using System.Net;
using TunFlow.Policy;

namespace TunFlow.Cli.Tests.Policy;

[TestFixture]
public sealed class EndPointMapTests
{
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("192.0.2.53:5353");

    [TestCase("10.0.85.3:53", "192.0.2.53:5353")]
    [TestCase("[fd7e:5f1a:3c9d::3]:53", "192.0.2.53:5353")]
    [TestCase("10.0.85.2:8080", "127.0.0.1:8080")]
    [TestCase("[fd7e:5f1a:3c9d::2]:8080", "[::1]:8080")]
    [TestCase("[::ffff:10.0.85.2]:8080", "127.0.0.1:8080")]
    [TestCase("198.51.100.1:80", "198.51.100.1:80")]
    [TestCase("[2001:db8::1]:80", "[2001:db8::1]:80")]
    [TestCase("10.0.85.4:80", "10.0.85.4:80")]
    public void Destination_is_translated(string destination, string expected)
    {
        EndPointMap map = LaunchPolicy.CreateMap(s_resolver, allowHostLoopback: true);

        Assert.That(map.Translate(IPEndPoint.Parse(destination), out _), Is.EqualTo(IPEndPoint.Parse(expected)));
    }

    [TestCase("127.0.0.1:80")]
    [TestCase("127.255.255.254:80")]
    [TestCase("0.0.0.0:80")]
    [TestCase("0.1.2.3:80")]
    [TestCase("[::1]:80")]
    [TestCase("[::]:80")]
    [TestCase("[::ffff:127.0.0.1]:80")]
    [TestCase("10.0.85.1:80")]
    [TestCase("10.0.85.3:80")]
    [TestCase("[fd7e:5f1a:3c9d::3]:54")]
    public void Destination_is_never_reached(string destination)
    {
        EndPointMap map = LaunchPolicy.CreateMap(s_resolver, allowHostLoopback: true);

        Assert.That(map.Translate(IPEndPoint.Parse(destination), out _), Is.Null);
    }

    [TestCase("10.0.85.2:80")]
    [TestCase("[fd7e:5f1a:3c9d::2]:80")]
    public void Loopback_of_the_host_is_refused_by_default(string destination)
    {
        EndPointMap map = LaunchPolicy.CreateMap(s_resolver, allowHostLoopback: false);

        Assert.That(map.Translate(IPEndPoint.Parse(destination), out _), Is.Null);
    }

    [Test]
    public void Resolver_on_the_loopback_is_reached_all_the_same()
    {
        EndPointMap map = LaunchPolicy.CreateMap(IPEndPoint.Parse("127.0.0.53:53"), allowHostLoopback: false);

        Assert.That(map.Translate(IPEndPoint.Parse("10.0.85.3:53"), out _), Is.EqualTo(IPEndPoint.Parse("127.0.0.53:53")));
    }
}
