using System.Net;
using System.Net.Sockets;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Devices.Tests;

/// <summary>The contract of devices over a TUN, with and without offloads.</summary>
[TestFixture(PacketOffloads.None)]
[TestFixture(PacketOffloads.Checksum)]
[TestFixture(PacketOffloads.Checksum | PacketOffloads.TcpSegmentation)]
internal sealed class TunConformanceTests : IPDeviceConformance
{
    private static readonly IPEndPoint Remote = new(IPAddress.Parse("10.0.0.2"), 5000);

    private readonly PacketOffloads _offloads;
    private TestNamespace _namespace = null!;
    private Socket _socket = null!;
    private Socket _receiver = null!;

    public TunConformanceTests(PacketOffloads offloads) => _offloads = offloads;

    [OneTimeSetUp]
    public void RequireNamespaces() => TestNamespace.Require();

    protected override long Dropped => Statistics.WritesDroppedInterfaceDown + Statistics.WritesDroppedNoRoom + Statistics.WritesDroppedRejected;

    private LinuxTunStatistics Statistics => ((LinuxTunDevice)Subject).GetStatistics();

    protected override Task<IIPDevice> CreateAsync()
    {
        _namespace = TestNamespace.Create();
        IIPDevice device = _namespace.Run(() =>
        {
            LinuxTunDevice tun = LinuxTunDevice.Create(new LinuxTunOptions { Offloads = _offloads });
            Assert.That(tun.SupportedOffloads, Is.EqualTo(_offloads));
            tun.AddAddress(IPAddress.Parse("10.0.0.1"), 24);
            // Without an own link-local address nothing comes through that the test did not provoke.
            File.WriteAllText($"/proc/sys/net/ipv6/conf/{tun.Name}/disable_ipv6", "1");
            tun.BringUp();
            _socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            _socket.Connect(Remote);
            _receiver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            _receiver.Bind(new IPEndPoint(IPAddress.Parse("10.0.0.1"), 9));
            return tun;
        });
        return Task.FromResult(device);
    }

    protected override Task CleanUpAsync()
    {
        _socket?.Dispose();
        _receiver?.Dispose();
        _namespace?.Dispose();
        return Task.CompletedTask;
    }

    protected override Task<byte[]?> ProvokePacketAsync(byte mark)
    {
        _socket.Send([1, 2, 3, mark]);
        // The kernel chooses the identification and the source port.
        return Task.FromResult<byte[]?>(null);
    }

    protected override byte[] MakePacket(int length, byte mark)
    {
        byte[] payload = new byte[length - 28];
        payload.AsSpan().Fill(mark);
        return Packets.MakeUdp(Remote, new IPEndPoint(IPAddress.Parse("10.0.0.1"), 9), payload);
    }

    protected override async Task<byte[]> TakeWrittenAsync()
    {
        byte[] buffer = new byte[65_536];
        return buffer[..await _receiver.ReceiveAsync(buffer)];
    }

    protected override long CountDelivered() => Statistics.PacketsWritten;

    protected override Task CloseByOtherAsync()
    {
        _namespace.Execute("ip", "link del " + ((LinuxTunDevice)Subject).Name);
        return Task.CompletedTask;
    }
}
