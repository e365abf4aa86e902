using System.Text;
using Microsoft.Win32.SafeHandles;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Linux;

/// <summary>Opens and adopts TUN descriptors and negotiates their form with the kernel.</summary>
internal static unsafe class TunOpening
{
    internal const string DevicePath = "/dev/net/tun";

    internal static SafeFileHandle Open()
    {
        int descriptor = FileCalls.Open(DevicePath, FileCalls.OpenReadWrite | FileCalls.OpenNonBlocking | FileCalls.OpenCloseOnExec);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw OpenRefused(Errno.Last);
    }

    /// <summary>TUNSETIFF: creates the interface or attaches to a persistent one. Returns its name and whether there is a virtio header.</summary>
    internal static string SetInterface(SafeFileHandle handle, string name, bool withHeader)
    {
        var request = default(InterfaceRequest);
        request.SetName(name);
        request.Flags = (short)(TunRequests.FlagTun | TunRequests.FlagNoPacketInformation | (withHeader ? TunRequests.FlagVirtioHeader : 0));
        if (FileCalls.Control(handle, TunRequests.SetInterface, &request) != 0)
        {
            throw InterfaceRefused(Errno.Last, name);
        }

        return request.GetName();
    }

    /// <summary>TUNGETIFF. False if the descriptor is no TUN at all.</summary>
    internal static bool TryGetInterface(SafeFileHandle handle, out InterfaceRequest request)
    {
        request = default;
        fixed (InterfaceRequest* pointer = &request)
        {
            return FileCalls.Control(handle, TunRequests.GetInterface, pointer) == 0;
        }
    }

    /// <summary>Whether the interface exists without this descriptor, too.</summary>
    internal static bool IsPersistent(SafeFileHandle handle) =>
        TryGetInterface(handle, out InterfaceRequest request) && (request.Flags & TunRequests.FlagPersistent) != 0;

    /// <summary>Asks for offloads, giving up one after the other. Needs the virtio header.</summary>
    internal static PacketOffloads SetOffloads(SafeFileHandle handle, PacketOffloads wanted)
    {
        // Segmentation without checksum offload does not exist: the segments' checksums would have to be known before they are cut.
        if (wanted.HasFlag(PacketOffloads.TcpSegmentation | PacketOffloads.Checksum)
            && TrySetOffload(handle, TunRequests.OffloadChecksum | TunRequests.OffloadTcp4 | TunRequests.OffloadTcp6))
        {
            return PacketOffloads.Checksum | PacketOffloads.TcpSegmentation;
        }

        if (wanted.HasFlag(PacketOffloads.Checksum) && TrySetOffload(handle, TunRequests.OffloadChecksum))
        {
            return PacketOffloads.Checksum;
        }

        // A descriptor that was in use before may have some on.
        TrySetOffload(handle, 0);
        return PacketOffloads.None;
    }

    /// <summary>Makes the header the 10-byte form, which is all this library reads and writes.</summary>
    internal static void SetHeaderSize(SafeFileHandle handle)
    {
        int size = VirtioHeader.Size;
        if (FileCalls.Control(handle, TunRequests.SetHeaderSize, &size) != 0)
        {
            throw Errno.Exception(Errno.Last, "Cannot set the size of the TUN's virtio header");
        }
    }

    internal static void SetNonBlocking(SafeFileHandle handle)
    {
        int flags = FileCalls.DescriptorControl(handle, FileCalls.GetStatusFlags, 0);
        if (flags < 0 || FileCalls.DescriptorControl(handle, FileCalls.SetStatusFlags, flags | FileCalls.OpenNonBlocking) != 0)
        {
            throw Errno.Exception(Errno.Last, "Cannot make the descriptor non-blocking");
        }
    }

    /// <summary>The kernel's rule (dev_valid_name) for names that are given, before the kernel says EINVAL without a reason.</summary>
    internal static bool IsValidName(string name)
    {
        return name.Length > 0
            && Encoding.UTF8.GetByteCount(name) < InterfaceRequest.NameSize
            && name is not ("." or "..")
            && !name.AsSpan().ContainsAny("/:\0")
            && !name.Any(static c => char.IsWhiteSpace(c) || char.IsControl(c))
            && name.Count(static c => c == '%') == (name.Contains("%d", StringComparison.Ordinal) ? 1 : 0);
    }

    private static bool TrySetOffload(SafeFileHandle handle, uint offloads) =>
        FileCalls.Control(handle, TunRequests.SetOffload, (nuint)offloads) == 0;

    private static NetworkException OpenRefused(int errno) => errno switch
    {
        Errno.NotFound => new NetworkException(NetworkError.NotSupported, $"{DevicePath} is missing: load the module with 'modprobe tun', or give the container the device.", errno),
        Errno.NoDevice or Errno.NoSuchDeviceOrAddress => new NetworkException(NetworkError.NotSupported, $"{DevicePath} has no driver: load the module with 'modprobe tun'.", errno),
        Errno.AccessDenied or Errno.NotPermitted => new NetworkException(NetworkError.AccessDenied, $"{DevicePath} is closed to this user: its usual mode is 0666.", errno),
        _ => Errno.Exception(errno, $"Cannot open {DevicePath}"),
    };

    private static NetworkException InterfaceRefused(int errno, string name) => errno switch
    {
        Errno.NotPermitted => new NetworkException(NetworkError.AccessDenied, $"Creating or attaching to the TUN '{name}' needs CAP_NET_ADMIN, or an interface that belongs to this user.", errno),
        Errno.Busy => new NetworkException(NetworkError.AddressInUse, $"The TUN '{name}' is being served by somebody else, or another interface has this name.", errno),
        Errno.InvalidArgument => new NetworkException(NetworkError.NotSupported, $"'{name}' exists and is no single-queue TUN, or the name is not valid.", errno),
        _ => Errno.Exception(errno, $"Cannot create or attach to the TUN '{name}'"),
    };
}
