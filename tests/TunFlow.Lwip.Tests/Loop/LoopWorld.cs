using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;
using TunFlow.Devices;
using TunFlow.Devices.Linux.Native;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>A tunnel with the engine of a TUN over a pair of packet sockets, applications made of packets, and a server on the loopback.</summary>
[SupportedOSPlatform("linux")]
internal sealed class LoopWorld : IAsyncDisposable
{
    private static readonly IPEndPoint s_remote = IPEndPoint.Parse("192.0.2.1:80");

    private readonly LinuxTunDevice _far;

    public LoopWorld(Func<EndPoint, IStreamDialer> dialer, TunnelOptions? options = null)
    {
        NativeLibraryRequirement.Check();
        (LinuxTunDevice near, _far) = CreatePair();
        Listener = TcpLoopback.Listen();
        Tunnel = Tunnel.Start(near, dialer(Listener.LocalEndPoint!), new FakePacketProxy(), (options ?? new TunnelOptions()) with { DisposeDevice = true });
        Link = new PacketLink(_far);
    }

    public Socket Listener { get; }

    public Tunnel Tunnel { get; }

    public PacketLink Link { get; private set; }

    public static (LinuxTunDevice Near, LinuxTunDevice Far) CreatePair()
    {
        Span<int> pair = stackalloc int[2];
        unsafe
        {
            fixed (int* descriptors = pair)
                Assert.That(SocketCalls.CreatePair(SocketCalls.FamilyUnix, SocketCalls.TypeSequentialPacket | SocketCalls.CloseOnExec, 0, descriptors), Is.Zero);
        }

        return (Adopt(pair[0]), Adopt(pair[1]));

        static LinuxTunDevice Adopt(int descriptor) =>
            LinuxTunDevice.FromDescriptor(new SafeFileHandle(descriptor, ownsHandle: true), ownsHandle: true, mtu: 1500, PacketOffloads.None);
    }

    public TcpPeer CreatePeer()
    {
        TcpPeer peer = Link.CreatePeer(s_remote);
        peer.AllowRetransmissions = true;
        return peer;
    }

    /// <summary>A flow and its server's end.</summary>
    public async Task<(TcpPeer Application, Socket Server)> OpenAsync()
    {
        Task<Socket> accept = Listener.AcceptAsync();
        TcpPeer peer = CreatePeer();
        Assert.That(await peer.ConnectAsync(), Is.True);
        return (peer, await accept.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    public async ValueTask DisposeAsync()
    {
        Listener.Dispose();
        await Tunnel.DisposeAsync();
        await _far.DisposeAsync();
    }
}
