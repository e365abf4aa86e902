using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

[TestFixture]
internal sealed class LwipDeviceConformanceTests : IPDeviceConformance
{
    private FakePacketProxy _proxy = null!;

    protected override Task<IIPDevice> CreateAsync()
    {
        NativeLibraryRequirement.Check();
        _proxy = new FakePacketProxy();
        return Task.FromResult<IIPDevice>(new LwipDevice(new FakeDialer(), _proxy));
    }

    protected override Task CleanUpAsync() => Task.CompletedTask;

    protected override async Task<byte[]?> ProvokePacketAsync(byte payload)
    {
        // The first datagram opens a session; one that swallows keeps the echo from adding packets of its own.
        IPEndPoint app = IPEndPoint.Parse("10.9.0.2:5000"), remote = IPEndPoint.Parse("192.0.2.1:7");
        _proxy.OnDatagram ??= static (_, _, _) => ValueTask.CompletedTask;
        if (_proxy.Calls == 0)
            await Subject.WriteAsync(PacketBuilder.UdpDatagram(app, remote, "open"u8));
        await Eventually.HoldsAsync(() => _proxy.Sessions.Count == 1, "the session");
        await _proxy.Sessions.Single().Receiver.WriteFromAsync(new byte[] { payload, payload, payload }, remote);
        return null;
    }

    protected override byte[] MakePacket(int length) =>
        PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:6000"), IPEndPoint.Parse("192.0.2.1:7"), new byte[length - 28]);
}
