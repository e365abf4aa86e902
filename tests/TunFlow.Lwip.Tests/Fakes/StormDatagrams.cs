using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Fakes;

/// <summary>What a proxy may do with a datagram, as its first byte says.</summary>
internal static class StormDatagrams
{
    public static ValueTask EchoOrFail(FakeSession session, ReadOnlyMemory<byte> payload, IPEndPoint destination) => payload.Span[0] switch
    {
        < 200 => session.Receiver.WriteFromAsync(payload, destination),
        < 210 => throw new NetworkException(NetworkError.PortUnreachable),
        < 220 => throw new NetworkException(NetworkError.Closed),
        < 230 => session.Receiver.DisposeAsync(),
        < 240 => EndAsync(session),
        _ => throw new InvalidOperationException(),
    };

    private static async ValueTask EndAsync(FakeSession session)
    {
        await session.Receiver.DisposeAsync();
        throw new ObjectDisposedException(nameof(FakeSession));
    }
}
