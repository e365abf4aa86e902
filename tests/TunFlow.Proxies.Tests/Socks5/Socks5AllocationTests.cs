using System.Net;
using System.Net.Sockets;

namespace TunFlow.Proxies.Tests;

/// <summary>Steady state allocates nothing per datagram.</summary>
[NonParallelizable]
internal sealed class Socks5AllocationTests
{
    private const int Remotes = 64;

    [Test]
    public async Task Datagrams_of_an_association_allocate_nothing()
    {
        Allocation.NeedsOptimizedCode(typeof(Socks5PacketListener));
        using Socket listener = TcpLoopback.Listen();
        using Socket relay = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        relay.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Task<IPacketConnection> open = new Socks5PacketListener(listener.LocalEndPoint!).ListenPacketAsync().AsTask();
        using Socket control = await listener.AcceptAsync();
        await control.SendAsync((byte[])[5, 0, 5, 0, 0, .. SocksUdpServer.Header((IPEndPoint)relay.LocalEndPoint!)[3..]]);
        await using IPacketConnection connection = await open;

        IPEndPoint[] remotes = [.. Enumerable.Range(0, Remotes).Select(i => new IPEndPoint(i % 2 == 0 ? IPAddress.Parse("198.51.100.7") : IPAddress.Parse("2001:db8::7"), 1000 + i))];
        byte[] payload = new byte[1200];
        byte[] buffer = new byte[65_536];
        byte[] relayed = new byte[2000];
        SocketAddress client = new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)connection.LocalEndPoint!).Port).Serialize();
        SocketAddress from = new(AddressFamily.InterNetwork);
        using CancellationTokenSource cancel = new();
        await Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                // The relay sends back what it gets: the header of a request is that of its answer. Once the answer is there, once it is waited for.
                await connection.SendToAsync(payload, remotes[i % Remotes], cancel.Token);
                int length = relay.ReceiveFrom(relayed, SocketFlags.None, from);
                relay.SendTo(relayed.AsSpan(0, length), SocketFlags.None, client);
                await connection.ReceiveFromAsync(Memory<byte>.Empty, cancel.Token);
                ReceivedDatagram answer = await connection.ReceiveFromAsync(buffer, cancel.Token);
                ValueTask<ReceivedDatagram> wait = connection.ReceiveFromAsync(buffer, cancel.Token);
                relay.SendTo(relayed.AsSpan(0, length), SocketFlags.None, client);
                if (answer.Length != payload.Length || (await wait).Length != payload.Length)
                {
                    Assert.Fail("An answer was cut.");
                }
            }
        });
    }
}
