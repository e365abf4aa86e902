using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Both sides finish at the same moment, which on a loopback interface leaves the connection closed before either call has returned.</summary>
internal sealed class SimultaneousEndTests
{
    [TestCase(false)]
    [TestCase(true)]
    public async Task The_end_of_both_directions_at_once_is_an_end_and_no_reset(bool adapted)
    {
        byte[] buffer = new byte[10];
        for (int i = 0; i < 1500; i++)
        {
            await using ConnectionPair pair = adapted ? await AdaptAsync() : await TcpLoopback.DialAsync(new TcpDialer());
            using Barrier barrier = new(2);
            Task<int> reading = Task.Run(async () =>
            {
                barrier.SignalAndWait();
                return await pair.Subject.ReadAsync(buffer);
            });
            Task completing = Task.Run(async () =>
            {
                barrier.SignalAndWait();
                await pair.Subject.CompleteWritesAsync();
            });
            await pair.Peer.CompleteWritesAsync();
            Assert.That(await reading.WaitAsync(TimeSpan.FromSeconds(10)), Is.Zero, $"connection {i}");
            await completing;
        }
    }

    private static async Task<ConnectionPair> AdaptAsync()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        return new ConnectionPair(StreamConnection.Create(new NetworkStream(client, ownsSocket: true)), StreamConnection.Create(server));
    }
}
