using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Two ends that see each other through a relay: whatever one does the other sees as if there were none.</summary>
[SideBySide]
internal sealed class RelayedStreamConformanceTests : StreamConnectionConformance
{
    protected override async Task<ConnectionPair> ConnectAsync()
    {
        (Socket subject, Socket first) = await TcpLoopback.ConnectSocketsAsync();
        (Socket second, Socket peer) = await TcpLoopback.ConnectSocketsAsync();
        StreamConnection left = StreamConnection.Create(first);
        StreamConnection right = StreamConnection.Create(second);
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(left, right);
        return new ConnectionPair(StreamConnection.Create(subject), StreamConnection.Create(peer), new Carrier(left, right, relay));
    }

    private sealed class Carrier(StreamConnection left, StreamConnection right, Task<StreamRelayResult> relay) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await relay.WaitAsync(TimeSpan.FromSeconds(20));
            await left.DisposeAsync();
            await right.DisposeAsync();
        }
    }
}
