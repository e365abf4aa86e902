using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;
using TunFlow.Devices.Linux;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices;

// The ways to a device: create, attach, adopt.
public sealed partial class LinuxTunDevice
{
    /// <summary>Creates a TUN in the current network namespace, or attaches to a persistent one of that name.</summary>
    /// <param name="options">How; null for a new <c>tun%d</c> with all offloads.</param>
    /// <returns>The device. The interface is down and has no addresses unless it existed before: see <see cref="BringUp"/>, <see cref="AddAddress"/>.</returns>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    /// <exception cref="NetworkException">No driver, no right to (<see cref="NetworkError.AccessDenied"/>), or the name is taken (<see cref="NetworkError.AddressInUse"/>).</exception>
    [SupportedOSPlatform("linux")]
    public static LinuxTunDevice Create(LinuxTunOptions? options = null)
    {
        RequireLinux();
        options ??= new LinuxTunOptions();
        string name = options.Name ?? "tun%d";
        ThrowIfInvalid(name, options);
        return Open(name, options);
    }

    /// <summary>Attaches to an existing, persistent TUN in the current network namespace (<c>ip tuntap add mode tun</c>).</summary>
    /// <param name="name">The interface's name.</param>
    /// <param name="options">How; <see cref="LinuxTunOptions.Name"/> is not used. Null for the interface's MTU and all offloads.</param>
    /// <returns>The device. Addresses, routes and state of the interface are as they were.</returns>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    /// <exception cref="NetworkException">There is no such interface (<see cref="NetworkError.AddressNotAvailable"/>), it is no TUN, no right to, or somebody else serves it.</exception>
    [SupportedOSPlatform("linux")]
    public static LinuxTunDevice Attach(string name, LinuxTunOptions? options = null)
    {
        RequireLinux();
        ArgumentNullException.ThrowIfNull(name);
        options ??= new LinuxTunOptions();
        ThrowIfInvalid(name, options);
        // Attaching and creating are one operation to the kernel. If the interface goes away right after this look, it is created anew.
        _ = LinuxInterface.GetIndex(name);
        return Open(name, options);
    }

    /// <summary>Adopts the descriptor of a TUN, which may live in another network namespace.</summary>
    /// <param name="handle">A TUN without packet information (IFF_NO_PI), with or without virtio headers; or any other descriptor that keeps the borders of packets (a Unix datagram or sequential-packet socket). It is made non-blocking.</param>
    /// <param name="ownsHandle">Whether the device closes <paramref name="handle"/>, also when this method throws.</param>
    /// <param name="mtu">The interface's MTU in bytes: it cannot be asked for across namespaces.</param>
    /// <param name="offloads">The offloads to ask the kernel for, as in <see cref="LinuxTunOptions.Offloads"/>. None without virtio headers.</param>
    /// <returns>The device.</returns>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    /// <exception cref="ArgumentException">The descriptor is a TAP, or a TUN with packet information.</exception>
    /// <exception cref="NetworkException">The descriptor cannot be configured.</exception>
    [SupportedOSPlatform("linux")]
    public static LinuxTunDevice FromDescriptor(
        SafeFileHandle handle,
        bool ownsHandle,
        int mtu,
        PacketOffloads offloads = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation)
    {
        RequireLinux();
        ArgumentNullException.ThrowIfNull(handle);
        try
        {
            ThrowIfInvalid(mtu);
            return Adopt(handle, ownsHandle, mtu, offloads);
        }
        catch when (ownsHandle)
        {
            handle.Dispose();
            throw;
        }
    }

    private static LinuxTunDevice Open(string name, LinuxTunOptions options)
    {
        SafeFileHandle handle = TunOpening.Open();
        try
        {
            bool withHeader = options.Offloads != PacketOffloads.None;
            name = TunOpening.SetInterface(handle, name, withHeader);
            PacketOffloads offloads = PacketOffloads.None;
            if (withHeader)
            {
                TunOpening.SetHeaderSize(handle);
                offloads = TunOpening.SetOffloads(handle, options.Offloads);
            }

            int index = LinuxInterface.GetIndex(name);
            if (options.Mtu is { } wanted)
            {
                LinuxInterface.SetMtu(index, wanted);
            }

            int mtu = options.Mtu ?? LinuxInterface.GetMtu(index);
            bool limited = options.ConnectionRate is { } rate && !TunOpening.IsPersistent(handle) && ConnectionLimit.TryInstall(index, rate);
            return new LinuxTunDevice(new TunDescriptor(handle, ownsHandle: true, withHeader), name, mtu, offloads)
            {
                ConnectionRate = limited ? options.ConnectionRate : null,
            };
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static LinuxTunDevice Adopt(SafeFileHandle handle, bool ownsHandle, int mtu, PacketOffloads offloads)
    {
        TunOpening.SetNonBlocking(handle);
        if (!TunOpening.TryGetInterface(handle, out InterfaceRequest request))
        {
            return new LinuxTunDevice(new TunDescriptor(handle, ownsHandle, hasHeader: false), string.Empty, mtu, PacketOffloads.None);
        }

        if ((request.Flags & TunRequests.FlagTun) == 0)
        {
            throw new ArgumentException("The descriptor is a TAP, which carries Ethernet frames, not IP packets.", nameof(handle));
        }

        if ((request.Flags & TunRequests.FlagNoPacketInformation) == 0)
        {
            throw new ArgumentException("The TUN was opened with packet information (without IFF_NO_PI).", nameof(handle));
        }

        bool hasHeader = (request.Flags & TunRequests.FlagVirtioHeader) != 0;
        PacketOffloads supported = PacketOffloads.None;
        if (hasHeader)
        {
            TunOpening.SetHeaderSize(handle);
            supported = TunOpening.SetOffloads(handle, offloads);
        }

        return new LinuxTunDevice(new TunDescriptor(handle, ownsHandle, hasHeader), request.GetName(), mtu, supported);
    }

    private static void ThrowIfInvalid(string name, LinuxTunOptions options)
    {
        if (!TunOpening.IsValidName(name))
        {
            throw new ArgumentException($"'{name}' is not an interface name of 1 to 15 bytes.", nameof(name));
        }

        if (options.Mtu is { } mtu)
        {
            ThrowIfInvalid(mtu);
        }

        if (options.ConnectionRate is { } rate)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate, nameof(options.ConnectionRate));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(rate, MaxConnectionRate, nameof(options.ConnectionRate));
        }
    }

    private static void ThrowIfInvalid(int mtu)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(mtu, MinMtu);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(mtu, MaxMtu);
    }

    private static void RequireLinux()
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException("LinuxTunDevice needs Linux: it uses /dev/net/tun and netlink.");
        }
    }
}
