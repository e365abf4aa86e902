using System.Net;
using TunFlow.Policy;

namespace TunFlow.Cli.Tests.Policy;

[TestFixture]
public sealed class SessionTranslationTests
{
    private static readonly IPEndPoint s_dns4 = IPEndPoint.Parse("10.0.85.3:53");
    private static readonly IPEndPoint s_dns6 = IPEndPoint.Parse("[fd7e:5f1a:3c9d::3]:53");
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("192.0.2.53:53");
    private static readonly IPEndPoint s_loopback = IPEndPoint.Parse("127.0.0.1:53");

    [Test]
    public void Answer_comes_from_the_name_that_was_asked()
    {
        SessionTranslation session = Create(s_resolver);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(session.Outward(s_dns4), Is.EqualTo(s_resolver));
            Assert.That(session.Inward(s_resolver), Is.EqualTo(s_dns4));
            Assert.That(session.Outward(s_dns6), Is.EqualTo(s_resolver));
            Assert.That(session.Inward(s_resolver), Is.EqualTo(s_dns6));
        }
    }

    [Test]
    public void Resolver_that_is_asked_by_its_own_address_answers_from_it()
    {
        SessionTranslation session = Create(s_resolver);
        session.Outward(s_dns4);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(session.Outward(s_resolver), Is.EqualTo(s_resolver));
            Assert.That(session.Inward(s_resolver), Is.EqualTo(s_resolver));
            session.Outward(s_dns4);
            Assert.That(session.Inward(s_resolver), Is.EqualTo(s_dns4));
        }
    }

    [Test]
    public void Two_names_of_one_target_are_told_apart_by_their_last_use()
    {
        SessionTranslation session = Create(s_loopback);
        var standIn = IPEndPoint.Parse("10.0.85.2:53");

        using (Assert.EnterMultipleScope())
        {
            session.Outward(s_dns4);
            Assert.That(session.Inward(s_loopback), Is.EqualTo(s_dns4));
            session.Outward(standIn);
            Assert.That(session.Inward(s_loopback), Is.EqualTo(standIn));
        }
    }

    [Test]
    public void Unasked_host_of_the_loopback_is_seen_by_its_stand_in()
    {
        SessionTranslation session = Create(s_resolver);

        Assert.That(session.Inward(IPEndPoint.Parse("127.0.0.1:9999")), Is.EqualTo(IPEndPoint.Parse("10.0.85.2:9999")));
    }

    [Test]
    public void Loopback_is_never_seen_when_it_is_not_allowed()
    {
        SessionTranslation session = new(LaunchPolicy.CreateMap(s_resolver, allowHostLoopback: false));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(session.Inward(IPEndPoint.Parse("127.0.0.1:9999")), Is.Null);
            Assert.That(session.Outward(IPEndPoint.Parse("10.0.85.2:9999")), Is.Null);
        }
    }

    [Test]
    public void Other_hosts_are_themselves()
    {
        SessionTranslation session = Create(s_resolver);
        var host = IPEndPoint.Parse("198.51.100.1:4500");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(session.Outward(host), Is.EqualTo(host));
            Assert.That(session.Inward(host), Is.EqualTo(host));
            Assert.That(session.Inward(s_resolver), Is.EqualTo(s_resolver), "the resolver was not asked by its stand-in");
        }
    }

    private static SessionTranslation Create(IPEndPoint resolver) => new(LaunchPolicy.CreateMap(resolver, allowHostLoopback: true));
}
