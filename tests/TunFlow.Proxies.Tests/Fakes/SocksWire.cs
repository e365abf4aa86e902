using System.Net;
using System.Text;

namespace TunFlow.Proxies.Tests;

/// <summary>Messages of SOCKS5, written down from RFC 1928 and RFC 1929.</summary>
internal static class SocksWire
{
    public const string UserName = "us\u00e9r-of-the-test";
    public const string Password = "p\u00e4ss word of the test";

    public static readonly Socks5Credentials Credentials = new(UserName, Password);

    public static readonly byte[] BoundIPv4 = [1, 192, 0, 2, 1, 0x12, 0x34];
    public static readonly byte[] BoundIPv6 = [4, .. IPAddress.Parse("2001:db8::1").GetAddressBytes(), 0x12, 0x34];
    public static readonly byte[] BoundName = [3, 12, .. "host.example"u8, 0x12, 0x34];
    public static readonly byte[][] Bound = [BoundIPv4, BoundIPv6, BoundName];

    /// <summary>A connect to 198.51.100.7:443.</summary>
    public static readonly byte[] Request = [5, 1, 0, 1, 198, 51, 100, 7, 1, 187];

    public static readonly IPEndPoint Remote = IPEndPoint.Parse("198.51.100.7:443");

    public static byte[] Method(bool authenticated) => [5, 1, (byte)(authenticated ? 2 : 0)];

    public static byte[] Authentication()
    {
        byte[] user = Encoding.UTF8.GetBytes(UserName);
        byte[] password = Encoding.UTF8.GetBytes(Password);
        return [1, (byte)user.Length, .. user, (byte)password.Length, .. password];
    }

    /// <summary>All that a server sends to grant a request.</summary>
    public static byte[] Grant(bool authenticated, byte[] bound) =>
        authenticated ? [5, 2, 1, 0, 5, 0, 0, .. bound] : [5, 0, 5, 0, 0, .. bound];

    /// <summary>All that a client sends.</summary>
    public static byte[] Client(bool authenticated) =>
        authenticated ? [.. Method(true), .. Authentication(), .. Request] : [.. Method(false), .. Request];

    /// <summary>How far a handshake comes of which the server sends so many bytes.</summary>
    public static Socks5Stage StageAfter(int bytes, bool authenticated) =>
        bytes < 2 ? Socks5Stage.Method : authenticated && bytes < 4 ? Socks5Stage.Authentication : Socks5Stage.Request;

    /// <summary>A server that takes one message after the other, as the RFC has it.</summary>
    public static async Task ServeStrictlyAsync(StreamConnection peer, bool authenticated, byte[] reply)
    {
        await ExpectAsync(peer, Method(authenticated));
        await peer.WriteAsync(new byte[] { 5, (byte)(authenticated ? 2 : 0) });
        if (authenticated)
        {
            await ExpectAsync(peer, Authentication());
            await peer.WriteAsync(new byte[] { 1, 0 });
        }

        await ExpectAsync(peer, Request);
        await peer.WriteAsync(reply);
    }

    /// <summary>Reads exactly one message; fails if another one comes, or more with it.</summary>
    public static async Task ExpectAsync(StreamConnection peer, byte[] message)
    {
        byte[] buffer = new byte[600];
        int read = await peer.ReadAsync(buffer);
        if (!buffer.AsSpan(0, read).SequenceEqual(message))
        {
            throw new InvalidDataException($"{Convert.ToHexString(buffer, 0, read)} instead of {Convert.ToHexString(message)}");
        }
    }

    /// <summary>Nothing of an exception may show the credentials.</summary>
    public static void AssertNoSecrets(Exception exception)
    {
        string text = exception.ToString();
        Assert.That(text, Does.Not.Contain(UserName).And.Not.Contain(Password));
        Assert.That(text, Does.Not.Contain("of the test").And.Not.Contain("of-the-test"));
    }
}
