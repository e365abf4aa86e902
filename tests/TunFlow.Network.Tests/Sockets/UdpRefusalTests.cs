using System.Net;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>ICMP errors on real sockets: the session hears which destination refused, and nothing else suffers.</summary>
internal sealed class UdpRefusalTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task APendingReceiveLearnsWhichDestinationRefused(string address)
    {
        Assume.That(OperatingSystem.IsLinux(), Is.True);
        IPEndPoint closed = ClosedPort(address);
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        foreach (int size in new[] { 0, 65_536, 100 })
        {
            Task<ReceivedDatagram> receive = connection.ReceiveFromAsync(new byte[size]).AsTask();
            await connection.SendToAsync(new byte[10], closed);
            NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => receive.WaitAsync(s_limit));
            Assert.That(exception.Error, Is.EqualTo(NetworkError.PortUnreachable));
            Assert.That(exception.Destination, Is.EqualTo(closed));
        }
    }

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task SendsAfterARefusalReachTheirOwnDestination(string address)
    {
        Assume.That(OperatingSystem.IsLinux(), Is.True);
        IPEndPoint closed = ClosedPort(address);
        using Socket server = new(closed.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(closed.Address, 0));
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        byte[] buffer = new byte[10];

        // Nobody receives: each refusal meets the next send.
        for (byte i = 0; i < 100; i++)
        {
            await connection.SendToAsync(new byte[10], closed);
            await connection.SendToAsync(new[] { i }, (IPEndPoint)server.LocalEndPoint!);
            SocketReceiveFromResult request = await server.ReceiveFromAsync(buffer, server.LocalEndPoint!).WaitAsync(s_limit);
            Assert.That((request.ReceivedBytes, buffer[0]), Is.EqualTo((1, i)));
        }

        // The reports wait for the receiver, bounded, and then datagrams come again.
        await server.SendToAsync(new byte[] { 77 }, new IPEndPoint(closed.Address, ((IPEndPoint)connection.LocalEndPoint!).Port));
        int reports = 0;
        while (true)
        {
            try
            {
                ReceivedDatagram datagram = await connection.ReceiveFromAsync(buffer).AsTask().WaitAsync(s_limit);
                Assert.That((datagram.Length, buffer[0]), Is.EqualTo((1, (byte)77)));
                break;
            }
            catch (NetworkException exception)
            {
                Assert.That((exception.Error, exception.Destination), Is.EqualTo((NetworkError.PortUnreachable, closed)));
                reports++;
            }
        }

        Assert.That(reports, Is.InRange(1, 17));
    }

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    [Weakness(18)]
    public async Task ASessionSurvivesRefusalsAndReportsThem(string address)
    {
        Assume.That(OperatingSystem.IsLinux(), Is.True);
        IPEndPoint closed = ClosedPort(address);
        using Socket server = new(closed.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(closed.Address, 0));
        PacketListenerProxy proxy = new(new UdpListener());
        RecordingReceiver receiver = new();
        await using IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        await sender.WriteToAsync(new byte[10], closed);
        await Eventually.IsAsync(() => proxy.GetStatistics().UnreachableReports == 1, "the refusal was reported");
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await sender.WriteToAsync(new byte[10], closed));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.PortUnreachable));
        for (int i = 0; i < 50; i++)
        {
            await sender.WriteToAsync(new byte[10], new IPEndPoint(closed.Address, closed.Port));
            await sender.WriteToAsync(new byte[5], (IPEndPoint)server.LocalEndPoint!);
            byte[] buffer = new byte[10];
            SocketReceiveFromResult request = await server.ReceiveFromAsync(buffer, server.LocalEndPoint!).WaitAsync(s_limit);
            await server.SendToAsync(buffer.AsMemory(0, request.ReceivedBytes), request.RemoteEndPoint);
            Assert.That((await receiver.NextAsync()).Payload, Has.Length.EqualTo(5));

            // The refusal of this round may come at once or on the next send: both are right, losing the session isn't.
            if (proxy.GetStatistics().UnreachableReports > i)
            {
                try
                {
                    await sender.WriteToAsync(new byte[10], closed);
                }
                catch (NetworkException refused)
                {
                    Assert.That(refused.Error, Is.EqualTo(NetworkError.PortUnreachable));
                }
            }
        }

        Assert.That(receiver.DisposeCount, Is.Zero);
    }

    [Test]
    public async Task ErrorsThatNobodyReadsDoNotFillTheReceiveBuffer()
    {
        Assume.That(OperatingSystem.IsLinux(), Is.True);
        using Socket server = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        for (int i = 0; i < 2000; i++)
        {
            await Assert.ThrowsAsync<NetworkException>(async () => await connection.SendToAsync(new byte[65_508], (IPEndPoint)server.LocalEndPoint!));
        }

        await server.SendToAsync(new byte[60_000], new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)connection.LocalEndPoint!).Port));
        Assert.That((await connection.ReceiveFromAsync(new byte[65_536]).AsTask().WaitAsync(s_limit)).Length, Is.EqualTo(60_000));
    }

    private static IPEndPoint ClosedPort(string address)
    {
        using Socket socket = new(IPAddress.Parse(address).AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }
}
