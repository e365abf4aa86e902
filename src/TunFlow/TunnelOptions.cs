using TunFlow.Lwip;

namespace TunFlow;

/// <summary>How a <see cref="Tunnel"/> runs. Immutable.</summary>
public sealed record TunnelOptions
{
    /// <summary>Limits and times of the stack. Its <see cref="LwipDeviceOptions.Mtu"/> and <see cref="LwipDeviceOptions.ReadOffloads"/> are replaced by what the device has. Default: those of <see cref="LwipDeviceOptions"/>.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public LwipDeviceOptions Stack
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = new();

    /// <summary>Whether the device is disposed with the tunnel. Default false: it belongs to the caller.</summary>
    public bool DisposeDevice { get; init; }
}
