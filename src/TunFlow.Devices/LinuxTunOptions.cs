using TunFlow.Network;

namespace TunFlow.Devices;

/// <summary>How to open a Linux TUN.</summary>
public sealed class LinuxTunOptions
{
    /// <summary>
    /// The interface's name, 1 to 15 bytes. A name with <c>%d</c> or null lets the kernel choose the number (null means <c>tun%d</c>). A
    /// persistent TUN of this name that nobody serves is attached instead of created.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>The MTU to set, 68 to 65,535 bytes; null leaves the interface's own (1,500 for a new one). IPv6 needs 1,280.</summary>
    public int? Mtu { get; init; }

    /// <summary>
    /// The offloads to ask the kernel for: packets then come, and may be written, with partial checksums and as TCP super-packets of up to 64
    /// KiB. Worth a factor of ten in processor time. What the kernel refuses is left out; see <see cref="LinuxTunDevice.SupportedOffloads"/>. Default: checksums and TCP.
    /// </summary>
    public PacketOffloads Offloads { get; init; } = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation;

    /// <summary>
    /// How many TCP connections a second programs can begin through the interface; null for no bound. Default: 12,500. Beyond it their SYNs
    /// wait in the kernel, so that a flood of them does not displace the packets of established connections and has to wait itself. When as many
    /// wait as the interface's queue is long (500), more are lost, and a connection's is sent again after a second. 1 to 10,000,000.
    /// </summary>
    /// <remarks>
    /// Kept by the queueing discipline HTB. It is left out where the kernel lacks it (see <see cref="LinuxTunDevice.ConnectionRate"/>), and on
    /// interfaces that exist already: they have their owner's. The kernel removes it from an interface that moves to another network namespace.
    /// </remarks>
    public int? ConnectionRate { get; init; } = 12_500;
}
