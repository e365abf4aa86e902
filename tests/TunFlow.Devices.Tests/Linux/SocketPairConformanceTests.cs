using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Devices.Tests;

/// <summary>The contract of devices over a socket pair.</summary>
[Platform("Linux")]
internal sealed class SocketPairConformanceTests : IPDeviceConformance
{
    private SocketPair _pair = null!;

    protected override Task<IIPDevice> CreateAsync()
    {
        _pair = new SocketPair();
        return Task.FromResult<IIPDevice>(LinuxTunDevice.FromDescriptor(_pair.Device, ownsHandle: true, mtu: 1400));
    }

    protected override Task CleanUpAsync()
    {
        _pair.Dispose();
        return Task.CompletedTask;
    }

    protected override long Dropped => Statistics.WritesDroppedInterfaceDown + Statistics.WritesDroppedNoRoom + Statistics.WritesDroppedRejected;

    private LinuxTunStatistics Statistics => ((LinuxTunDevice)Subject).GetStatistics();

    protected override Task<byte[]?> ProvokePacketAsync(byte mark)
    {
        byte[] packet = [.. Enumerable.Repeat(mark, 40)];
        _pair.Send(packet);
        return Task.FromResult<byte[]?>(packet);
    }

    protected override Task<byte[]> TakeWrittenAsync() => Task.Run(_pair.Receive);

    protected override long CountDelivered() => Statistics.PacketsWritten;

    protected override Task CloseByOtherAsync()
    {
        _pair.Peer.Dispose();
        return Task.CompletedTask;
    }
}
