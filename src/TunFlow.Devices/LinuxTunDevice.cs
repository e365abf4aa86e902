using TunFlow.Devices.Linux;
using TunFlow.Network;

namespace TunFlow.Devices;

/// <summary>A Linux TUN: the kernel's end of a point-to-point link whose other end is this program.</summary>
/// <remarks>
/// <para>Packets that programs send to the interface are read here, packets written here are received by the system. The interface exists as
/// long as the device is open (unless it was made persistent elsewhere).</para>
/// <para>Reads: one at a time. Writes: any thread; they never wait. Without a packet waiting, an asynchronous read is served by one background
/// thread, started at the first such read.</para>
/// <para>A write while the interface is down, as it is for a moment when it moves to another network namespace, drops the packet and counts
/// it. An interface that is deleted closes the device: reads return 0, writes throw <see cref="NetworkException"/> with
/// <see cref="NetworkError.Closed"/>.</para>
/// </remarks>
public sealed partial class LinuxTunDevice : IBatchIPDevice
{
    internal const int MinMtu = 68; // RFC 791
    internal const int MaxMtu = 65_535;
    internal const int MaxConnectionRate = 10_000_000;

    private readonly TunDescriptor _descriptor;
    private readonly Lock _lifetime = new();
    private TunReadiness? _readiness;
    private volatile bool _disposed;
    private volatile int _mtu;

    private LinuxTunDevice(TunDescriptor descriptor, string name, int mtu, PacketOffloads offloads)
    {
        _descriptor = descriptor;
        Name = name;
        _mtu = mtu;
        SupportedOffloads = offloads;
    }

    /// <summary>The interface's name when the device was opened. (It can be renamed while it is down.) Empty for a descriptor that is no TUN.</summary>
    public string Name { get; }

    /// <inheritdoc/>
    /// <remarks>As of opening or of the last <see cref="SetMtu"/> or <see cref="RefreshMtu"/>: changes made elsewhere are not noticed by themselves.</remarks>
    public int Mtu => _mtu;

    /// <inheritdoc/>
    /// <remarks>With <see cref="PacketOffloads.Checksum"/> or <see cref="PacketOffloads.TcpSegmentation"/>, packets that are read in batches carry them, too.</remarks>
    public PacketOffloads SupportedOffloads { get; }

    /// <summary>The bound of <see cref="LinuxTunOptions.ConnectionRate"/> that was set when the device was opened, per second; null where there is none.</summary>
    public int? ConnectionRate { get; private init; }

    /// <inheritdoc/>
    public int MaxBatch => 64;

    /// <summary>The descriptor, for the reactor that serves it without the asynchronous layer.</summary>
    internal TunDescriptor Descriptor => _descriptor;

    /// <summary>A snapshot of the counters. Any thread, also after disposal.</summary>
    public LinuxTunStatistics GetStatistics() => _descriptor.Counters.Snapshot();

    /// <summary>Closes the device. A pending read returns 0; an interface that is not persistent disappears.</summary>
    public ValueTask DisposeAsync()
    {
        TunReadiness? readiness;
        lock (_lifetime)
        {
            if (_disposed)
            {
                return ValueTask.CompletedTask;
            }

            _disposed = true;
            readiness = _readiness;
        }

        _descriptor.Close();
        // The thread leaves within one wake-up. It must be gone before the event it waits for is closed.
        readiness?.Join();
        _descriptor.Dispose();
        return ValueTask.CompletedTask;
    }
}
