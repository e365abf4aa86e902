using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>The contract over the in-memory link, with and without offloads.</summary>
[TestFixture(PacketOffloads.None)]
[TestFixture(PacketOffloads.Checksum | PacketOffloads.TcpSegmentation)]
[TestFixture(PacketOffloads.Checksum | PacketOffloads.TcpSegmentation | PacketOffloads.UdpSegmentation)]
internal sealed class MemoryDeviceConformanceTests(PacketOffloads offloads) : IPDeviceConformance
{
    private MemoryLink _link = null!;

    protected override long Dropped => _link.Subject.DroppedPackets + _link.Subject.RejectedPackets;

    protected override Task<IIPDevice> CreateAsync()
    {
        _link = new MemoryLink(offloads);
        return Task.FromResult<IIPDevice>(_link.Subject);
    }

    protected override async Task CleanUpAsync() => await _link.Other.DisposeAsync();

    protected override async Task<byte[]?> ProvokePacketAsync(byte mark) => await _link.ProvokeAsync(mark);

    protected override Task<byte[]> TakeWrittenAsync() => _link.TakeAsync();

    protected override long CountDelivered() => _link.CountDelivered();

    protected override async Task CloseByOtherAsync() => await _link.Other.DisposeAsync();
}
