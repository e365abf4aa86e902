using System.Text;

namespace TunFlow.Proxies.Tests;

internal sealed class Socks5CredentialsTests
{
    [TestCase(1, 1)]
    [TestCase(255, 255)]
    [TestCase(1, 255)]
    public void Up_to_255_bytes_each_are_written(int userName, int password)
    {
        Socks5Credentials credentials = new(new string('u', userName), new string('p', password));
        byte[] message = new byte[credentials.MessageLength];
        credentials.Write(message);
        Assert.That(message, Is.EqualTo((byte[])[1, (byte)userName, .. Enumerable.Repeat((byte)'u', userName), (byte)password, .. Enumerable.Repeat((byte)'p', password)]));
    }

    [Test]
    public void They_are_written_in_UTF8()
    {
        byte[] message = new byte[SocksWire.Credentials.MessageLength];
        SocksWire.Credentials.Write(message);
        Assert.That(message, Is.EqualTo(SocksWire.Authentication()));
    }

    [TestCase("", "p")]
    [TestCase("u", "")]
    [TestCase(256, 1)]
    [TestCase(1, 256)]
    public void Empty_and_longer_ones_are_refused_without_being_quoted(object userName, object password)
    {
        string user = userName as string ?? new string('u', (int)userName);
        string pass = password as string ?? new string('p', (int)password);
        ArgumentException? exception = Assert.Throws<ArgumentException>(() => _ = new Socks5Credentials(user, pass));
        Assert.That(exception!.ParamName, Is.EqualTo(user.Length is 0 or 256 ? "userName" : "password"));
        Assert.That(exception.ToString(), Does.Not.Contain("uuuuu").And.Not.Contain("ppppp"));
    }

    [Test]
    public void Bytes_count_and_not_letters() =>
        Assert.That(() => _ = new Socks5Credentials(new string('\u00e9', 128), "p"), Throws.ArgumentException.With.Property("ParamName").EqualTo("userName"));

    [Test]
    public void What_is_no_text_is_refused_without_being_quoted()
    {
        ArgumentException? exception = Assert.Throws<ArgumentException>(() => _ = new Socks5Credentials("u", "secret\ud800"));
        Assert.That(exception!.ToString(), Does.Not.Contain("secret").And.Not.Contain("D800"));
        Assert.That(() => _ = new Socks5Credentials(null!, "p"), Throws.ArgumentNullException);
        Assert.That(() => _ = new Socks5Credentials("u", null!), Throws.ArgumentNullException);
    }

    [Test]
    public void Their_text_shows_neither()
    {
        Assert.That(SocksWire.Credentials.ToString(), Is.EqualTo("SOCKS5 user name and password"));
        Assert.That($"{new Socks5StreamDialer(ScriptedServer.EndPoint, SocksWire.Credentials)}", Does.Not.Contain("test-"));
        Assert.That(typeof(Socks5Credentials).GetProperties(), Is.Empty);
        Assert.That(Encoding.UTF8.GetBytes(SocksWire.UserName), Has.Length.GreaterThan(SocksWire.UserName.Length), "the test has letters of two bytes");
    }
}
