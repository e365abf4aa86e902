using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class MemoryDeviceConformanceTests : IPDeviceConformance
{
    private MemoryDevice _other = null!;

    protected override Task<IIPDevice> CreateAsync()
    {
        (MemoryDevice first, MemoryDevice second) = MemoryDevice.CreatePair();
        _other = second;
        return Task.FromResult<IIPDevice>(first);
    }

    protected override async Task CleanUpAsync() => await _other.DisposeAsync();

    protected override byte[] MakePacket(int length) => new byte[length];

    protected override async Task<byte[]?> ProvokePacketAsync(byte payload)
    {
        byte[] packet = [.. Enumerable.Repeat(payload, 40)];
        await _other.WriteAsync(packet);
        return packet;
    }
}
