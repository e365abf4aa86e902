namespace TunFlow.Network;

/// <summary>Copies packets between two devices, in batches where both can. Owns neither device.</summary>
/// <remarks>
/// Ends when a device is closed (<see cref="Completion"/> succeeds), when reading a device fails (it faults with the device's exception), or when it is
/// stopped. A packet that can't be written is counted and forgotten, as IP allows, unless the device says that it is closed. Runs on the thread pool; all
/// members are safe from any thread.
/// </remarks>
public sealed class PacketPump : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PacketPumpDirection _forth;
    private readonly PacketPumpDirection? _back;
    private int _disposed;

    private PacketPump(PacketPumpDirection forth, PacketPumpDirection? back)
    {
        _forth = forth;
        _back = back;

        // On the pool: a device that always has packets at hand would otherwise keep the caller.
        Task running = Task.Run(() => forth.RunAsync(_stop.Token));
        Completion = back is null ? running : WhenBothAsync(running, Task.Run(() => back.RunAsync(_stop.Token)));
    }

    /// <summary>Completes when the pump has ended and no longer uses any device.</summary>
    public Task Completion { get; }

    /// <summary>What went from the first device to the second.</summary>
    public PacketPumpStatistics Forth => _forth.GetStatistics();

    /// <summary>What went from the second device to the first; zeros for a one-way pump.</summary>
    public PacketPumpStatistics Back => _back?.GetStatistics() ?? default;

    /// <summary>Starts to copy in both directions. When one ends, so does the other.</summary>
    /// <param name="first">A device that nobody else reads.</param>
    /// <param name="second">Another device that nobody else reads.</param>
    /// <param name="options">Batch size, or null for the defaults.</param>
    /// <returns>The running pump. Disposing it leaves the devices open.</returns>
    public static PacketPump Start(IIPDevice first, IIPDevice second, PacketPumpOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        options ??= new PacketPumpOptions();
        return new PacketPump(new PacketPumpDirection(first, second, options), new PacketPumpDirection(second, first, options));
    }

    /// <summary>Starts to copy in one direction.</summary>
    /// <param name="source">A device that nobody else reads.</param>
    /// <param name="destination">The device to write to.</param>
    /// <param name="options">Batch size, or null for the defaults.</param>
    /// <returns>The running pump. Disposing it leaves the devices open.</returns>
    public static PacketPump StartOneWay(IIPDevice source, IIPDevice destination, PacketPumpOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(destination);
        return new PacketPump(new PacketPumpDirection(source, destination, options ?? new PacketPumpOptions()), null);
    }

    /// <summary>Stops, and waits until no device is used any more. Doesn't throw what <see cref="Completion"/> tells.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
        }

        await Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task WhenBothAsync(Task forth, Task back)
    {
        Task first = await Task.WhenAny(forth, back).ConfigureAwait(false);
        await _stop.CancelAsync().ConfigureAwait(false);
        Task second = first == forth ? back : forth;
        await second.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // The first end is the cause; what the other direction says about being stopped isn't of interest.
        await first.ConfigureAwait(false);
    }
}
