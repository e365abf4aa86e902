using TunFlow.Network;

namespace TunFlow.Proxies;

/// <summary>A SOCKS5 server could not be used, or refused what it was asked for. Neither the user name nor the password is ever in it.</summary>
public sealed class Socks5Exception : NetworkException
{
    /// <summary>Creates an exception.</summary>
    /// <param name="stage">How far the handshake came.</param>
    /// <param name="error">What went wrong.</param>
    /// <param name="message">What happened, or null for a text made from <paramref name="error"/>.</param>
    /// <param name="innerException">The cause.</param>
    public Socks5Exception(Socks5Stage stage, NetworkError error, string? message = null, Exception? innerException = null)
        : base(error, message, innerException)
    {
        Stage = stage;
    }

    /// <summary>How far the handshake came. At <see cref="Socks5Stage.Connect"/> the error is that of the server itself, at <see cref="Socks5Stage.Request"/> mostly that of the destination.</summary>
    public Socks5Stage Stage { get; }

    /// <summary>What the server answered, if its answer is why.</summary>
    public Socks5Reply? Reply { get; init; }
}
