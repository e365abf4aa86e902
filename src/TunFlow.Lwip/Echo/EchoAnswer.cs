using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>What an <see cref="EchoHandler"/> decided. The default value is <see cref="None"/>.</summary>
public readonly record struct EchoAnswer
{
    private EchoAnswer(EchoVerdict verdict) => Verdict = verdict;

    /// <summary>No answer: the application takes its request, or the reply, for lost.</summary>
    public static EchoAnswer None => default;

    /// <summary>An echo reply with the request's identifier, sequence number and payload, from the address that was pinged, sent when the handler returns: its delay is what the application measures.</summary>
    public static EchoAnswer Reply => new(EchoVerdict.Reply);

    internal EchoVerdict Verdict { get; }

    internal NetworkError Error { get; private init; }

    /// <summary>An ICMP error that quotes the request.</summary>
    /// <param name="error"><see cref="NetworkError.NetworkUnreachable"/> and <see cref="NetworkError.AccessDenied"/> become the message of that name; everything else that of an unreachable host.</param>
    public static EchoAnswer Unreachable(NetworkError error = NetworkError.HostUnreachable) => new(EchoVerdict.Unreachable) { Error = error };
}
