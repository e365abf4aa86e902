namespace TunFlow.Network.Tests;

/// <summary>Hides the batch form of a device.</summary>
internal sealed class PlainDevice(IIPDevice inner) : IIPDevice
{
    public int Mtu => inner.Mtu;

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

    public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default) => inner.WriteAsync(packet, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
