using TunFlow.Network.Resolvers;

namespace TunFlow.Network.Tests;

internal sealed class DnsQuestionTests
{
    private static readonly string s_label63 = new('a', 63);

    [TestCase("example.com", "example.com")]
    [TestCase("example.com.", "example.com")]
    [TestCase("Example.COM", "Example.COM")]
    [TestCase(".", ".")]
    [TestCase("_sip._tcp.example.com", "_sip._tcp.example.com")]
    [TestCase(@"a\.b.example", @"a\.b.example")]
    [TestCase(@"a\\b.example", @"a\\b.example")]
    [TestCase(@"\097\000\255.example", @"a\000\255.example")]
    [TestCase("bücher.example", "xn--bcher-kva.example")]
    public void Names_are_read_and_written_in_one_form(string text, string name)
    {
        DnsQuestion question = new(text, DnsRecordType.A);
        Assert.That(question.Name, Is.EqualTo(name));
        Assert.That(new DnsQuestion(question.Name, DnsRecordType.A).WireName, Is.EqualTo(question.WireName));
    }

    [TestCase("")]
    [TestCase("..")]
    [TestCase(".example")]
    [TestCase("a..b")]
    [TestCase("a b")]
    [TestCase("tab\t")]
    [TestCase(@"a\")]
    [TestCase(@"a\25")]
    [TestCase(@"a\256")]
    [TestCase(@"a\2x5")]
    [TestCase("\u007f")]
    public void What_is_no_name_is_rejected(string text) => Assert.That(() => new DnsQuestion(text, DnsRecordType.A), Throws.InstanceOf<ArgumentException>());

    [Test]
    public void A_label_has_63_bytes_and_not_64()
    {
        Assert.That(new DnsQuestion(s_label63 + ".example", DnsRecordType.A).Name, Does.StartWith(s_label63));
        Assert.That(() => new DnsQuestion("a" + s_label63 + ".example", DnsRecordType.A), Throws.ArgumentException);
    }

    [Test]
    public void A_name_has_255_bytes_and_not_256()
    {
        string longest = $"{s_label63}.{s_label63}.{s_label63}.{new string('b', 61)}";
        Assert.That(new DnsQuestion(longest, DnsRecordType.A).WireName, Has.Length.EqualTo(255));
        Assert.That(new DnsQuestion(longest + ".", DnsRecordType.A).WireName, Has.Length.EqualTo(255));
        Assert.That(() => new DnsQuestion(longest + "b", DnsRecordType.A), Throws.ArgumentException);
        Assert.That(() => new DnsQuestion($"{s_label63}.{s_label63}.{s_label63}.{s_label63}", DnsRecordType.A), Throws.ArgumentException);
        string manyLabels = string.Join('.', Enumerable.Repeat("a", 127));
        Assert.That(new DnsQuestion(manyLabels, DnsRecordType.A).WireName, Has.Length.EqualTo(255));
        Assert.That(() => new DnsQuestion(manyLabels + ".a", DnsRecordType.A), Throws.ArgumentException);
    }

    [Test]
    public void Questions_are_equal_in_whatever_case()
    {
        DnsQuestion question = new("Example.com", DnsRecordType.A);
        Assert.That(question, Is.EqualTo(new DnsQuestion("eXAMPLE.COM.", DnsRecordType.A)));
        Assert.That(question.GetHashCode(), Is.EqualTo(new DnsQuestion("eXAMPLE.COM.", DnsRecordType.A).GetHashCode()));
        Assert.That(question, Is.Not.EqualTo(new DnsQuestion("example.com", DnsRecordType.Aaaa)));
        Assert.That(question, Is.Not.EqualTo(new DnsQuestion("example.com", DnsRecordType.A, DnsRecordClass.Chaos)));
        Assert.That(question, Is.Not.EqualTo(new DnsQuestion("example.org", DnsRecordType.A)));
        Assert.That(question.ToString(), Is.EqualTo("Example.com A"));
    }

    // RFC 4343: only ASCII letters fold; '@' and '`', '[' and '{' differ by the same bit and are different names.
    [TestCase("a@b", "a`b")]
    [TestCase("a[b", "a{b")]
    [TestCase(@"\193", @"\225")]
    public void Only_ASCII_letters_lose_their_case(string left, string right) =>
        Assert.That(DnsName.Equal(new DnsQuestion(left, DnsRecordType.A).WireName, new DnsQuestion(right, DnsRecordType.A).WireName), Is.False);
}
