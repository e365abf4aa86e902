using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class SocketConfiguratorsTests
{
    private static string Loopback => NetworkInterface.GetAllNetworkInterfaces().First(device => device.NetworkInterfaceType == NetworkInterfaceType.Loopback).Name;

    [Test]
    public async Task ASocketBoundToTheLoopbackInterfaceReachesLoopbackOnly()
    {
        using Socket listener = TcpLoopback.Listen();
        TcpDialer dialer = new(SocketConfigurators.BindToInterface(Loopback));
        await using StreamConnection connection = await dialer.DialStreamAsync(listener.LocalEndPoint!);
        Assert.That(connection.RemoteEndPoint, Is.EqualTo(listener.LocalEndPoint));
        await using IPacketConnection packets = await new UdpListener(SocketConfigurators.BindToInterface(Loopback)).ListenPacketAsync();
        Assert.That(packets.LocalEndPoint, Is.Not.Null);
    }

    [Test]
    public async Task AMissingInterfaceFailsTheDial()
    {
        using Socket listener = TcpLoopback.Listen();
        TcpDialer dialer = new(SocketConfigurators.BindToInterface("nosuchdev0"));
        await Assert.ThrowsAsync<NetworkException>(async () => await dialer.DialStreamAsync(listener.LocalEndPoint!));
    }

    [Test]
    public void BadNamesAreRejectedAtOnce()
    {
        Assert.That(() => SocketConfigurators.BindToInterface(""), Throws.ArgumentException);
        Assert.That(() => SocketConfigurators.BindToInterface(null!), Throws.ArgumentNullException);
        if (OperatingSystem.IsLinux())
        {
            Assert.That(() => SocketConfigurators.BindToInterface("sixteen-letters-"), Throws.ArgumentException);
        }
    }

    [Test]
    public void AMarkIsSetOnLinuxAndNotSupportedElsewhere()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.That(() => SocketConfigurators.Mark(1), Throws.TypeOf<PlatformNotSupportedException>());
            return;
        }

        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            SocketConfigurators.Mark(0xCAFE)(socket, null);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AccessDenied)
        {
            Assert.Ignore("Setting a mark needs CAP_NET_ADMIN.");
        }

        byte[] value = new byte[4];
        Assert.That(socket.GetRawSocketOption(1, 36, value), Is.EqualTo(4));
        Assert.That(BitConverter.ToUInt32(value), Is.EqualTo(0xCAFE));
    }

    [Test]
    public void CombiningCallsAllInOrder()
    {
        List<int> calls = [];
        SocketConfigurator? all = SocketConfigurators.Combine((_, _) => calls.Add(1), null, (_, _) => calls.Add(2));
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        all!(socket, new IPEndPoint(IPAddress.Loopback, 1));
        Assert.That(calls, Is.EqualTo(new[] { 1, 2 }));
        Assert.That(SocketConfigurators.Combine(), Is.Null);
        Assert.That(SocketConfigurators.Combine(null, null), Is.Null);
    }
}
