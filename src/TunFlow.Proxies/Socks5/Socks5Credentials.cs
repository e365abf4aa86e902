using System.Text;

namespace TunFlow.Proxies;

/// <summary>A user name and a password for a SOCKS5 server (RFC 1929).</summary>
/// <remarks>Immutable. Shows neither of them, not in <see cref="ToString"/> and in no exception. The protocol sends both in the clear.</remarks>
public sealed class Socks5Credentials
{
    // RFC 1929, section 2: each has a length of one byte, from 1 to 255.
    private const int MaxBytes = 255;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] _userName;
    private readonly byte[] _password;

    /// <summary>Creates credentials.</summary>
    /// <param name="userName">1 to 255 bytes of UTF-8.</param>
    /// <param name="password">1 to 255 bytes of UTF-8.</param>
    /// <exception cref="ArgumentException">One of them is empty, longer, or no valid text; the message doesn't quote it.</exception>
    public Socks5Credentials(string userName, string password)
    {
        _userName = Encode(userName, nameof(userName));
        _password = Encode(password, nameof(password));
    }

    /// <summary>The length of the message, in bytes.</summary>
    internal int MessageLength => 3 + _userName.Length + _password.Length;

    /// <summary>A text without anything secret.</summary>
    public override string ToString() => "SOCKS5 user name and password";

    /// <summary>Writes the message of RFC 1929, section 2.</summary>
    internal void Write(Span<byte> message)
    {
        message[0] = Socks5Protocol.AuthenticationVersion;
        message[1] = (byte)_userName.Length;
        _userName.CopyTo(message[2..]);
        message[2 + _userName.Length] = (byte)_password.Length;
        _password.CopyTo(message[(3 + _userName.Length)..]);
    }

    private static byte[] Encode(string value, string parameter)
    {
        ArgumentNullException.ThrowIfNull(value, parameter);
        byte[]? bytes = null;
        try
        {
            bytes = s_strict.GetBytes(value);
        }
        catch (EncoderFallbackException)
        {
            // Not as the cause: it quotes the letter and its place.
        }

        return bytes is { Length: >= 1 and <= MaxBytes }
            ? bytes
            : throw new ArgumentException(bytes is null ? "This is not a valid text." : $"It must have 1 to {MaxBytes} bytes in UTF-8.", parameter);
    }
}
