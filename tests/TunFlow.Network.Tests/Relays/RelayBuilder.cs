using System.Net;
using Moq;

namespace TunFlow.Network.Tests;

/// <summary>What the tests of relays start from.</summary>
internal static class RelayBuilder
{
    public static readonly IPEndPoint Remote = new(IPAddress.Parse("192.0.2.7"), 53);

    public static readonly IPEndPoint OtherRemote = new(IPAddress.Parse("2001:db8::7"), 4433);

    /// <summary>A listener whose sockets are scripted, and kept in <paramref name="connections"/>.</summary>
    public static IPacketListener Listener(List<FakePacketConnection> connections)
    {
        Mock<IPacketListener> listener = new();
        listener.Setup(target => target.ListenPacketAsync(It.IsAny<CancellationToken>())).Returns(() =>
        {
            FakePacketConnection connection = new();
            lock (connections)
            {
                connections.Add(connection);
            }

            return new ValueTask<IPacketConnection>(connection);
        });
        return listener.Object;
    }

    public static async Task AssertErrorAsync(NetworkError error, Func<ValueTask> call)
    {
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => call().AsTask().WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.That(exception.Error, Is.EqualTo(error));
    }
}
