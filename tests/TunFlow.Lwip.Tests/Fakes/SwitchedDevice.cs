using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Fakes;

/// <summary>The applications' side, which moves along when the TUN does. The earlier device stays open: its end would be the end of a tunnel that still serves it.</summary>
internal sealed class SwitchedDevice(MemoryDevice first) : IIPDevice
{
    private Place _current = new(first);

    public int Mtu => Volatile.Read(ref _current).Device.Mtu;

    public void Switch(MemoryDevice next)
    {
        // A pending read goes on with the next device.
        Interlocked.Exchange(ref _current, new Place(next)).Left.Cancel();
    }

    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            Place current = Volatile.Read(ref _current);
            try
            {
                int length = await current.Device.ReadAsync(buffer, current.Left.Token);
                // The tunnel may have closed it meanwhile.
                if (length > 0 || current == Volatile.Read(ref _current))
                    return length;
            }
            catch (OperationCanceledException)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
    {
        try
        {
            await Volatile.Read(ref _current).Device.WriteAsync(packet, cancellationToken);
        }
        catch (Exception exception) when (exception is ObjectDisposedException or NetworkException)
        {
            // Lost in between, as packets are.
        }
    }

    public ValueTask DisposeAsync() => Volatile.Read(ref _current).Device.DisposeAsync();

    private sealed class Place(MemoryDevice device)
    {
        public MemoryDevice Device { get; } = device;

        public CancellationTokenSource Left { get; } = new();
    }
}
