namespace TunFlow.Network.Resolvers;

/// <summary>A query that got no usable answer.</summary>
public sealed class DnsException : NetworkException
{
    /// <summary>Creates an exception.</summary>
    /// <param name="stage">How far the query came.</param>
    /// <param name="error">What went wrong.</param>
    /// <param name="message">What happened, or null for a text made from <paramref name="error"/>.</param>
    /// <param name="innerException">The cause.</param>
    public DnsException(DnsStage stage, NetworkError error, string? message = null, Exception? innerException = null)
        : base(error, message, innerException)
    {
        Stage = stage;
    }

    /// <summary>How far the query came.</summary>
    public DnsStage Stage { get; }

    /// <summary>What the server answered, if the answer is why.</summary>
    public DnsResponseCode? ResponseCode { get; init; }
}
