using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace TunFlow.Network;

/// <summary>The error queue of a UDP socket on Linux (ip(7), IP_RECVERR): which destination an ICMP error was about.</summary>
/// <remarks>
/// An unconnected UDP socket hears of ICMP errors only with IP_RECVERR. The kernel then fails the next call on the socket, whatever it is, with the bare
/// error code, and keeps the details in a queue that is read with recvmsg(MSG_ERRQUEUE). What is never read fills the receive buffer, so the queue has to
/// be emptied after every failed call.
/// </remarks>
internal static unsafe partial class LinuxErrorQueue
{
    private const int SolIp = 0;
    private const int IpReceiveErrors = 11;
    private const int SolIpv6 = 41;
    private const int Ipv6ReceiveErrors = 25;
    private const int MessageErrorQueue = 0x2000;
    private const int MessageDontWait = 0x40;

    // linux/errqueue.h: SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6.
    private const byte OriginIcmp = 2;
    private const byte OriginIcmp6 = 3;

    // asm-generic/errno.h
    private const int Eacces = 13;
    private const int Eperm = 1;
    private const int Enetunreach = 101;
    private const int Econnrefused = 111;
    private const int Ehostunreach = 113;

    // struct sockaddr_in6; struct cmsghdr with a sock_extended_err and the offender's address fits the other with room to spare.
    private const int NameSize = 28;
    private const int ControlSize = 256;

    /// <summary>Asks the kernel for the errors. False where that doesn't exist.</summary>
    public static bool TryEnable(Socket socket)
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsAndroid())
        {
            return false;
        }

        ReadOnlySpan<byte> on = [1, 0, 0, 0];
        ReadOnlySpan<byte> value = BitConverter.IsLittleEndian ? on : [0, 0, 0, 1];
        try
        {
            if (socket.AddressFamily == AddressFamily.InterNetworkV6)
            {
                socket.SetRawSocketOption(SolIpv6, Ipv6ReceiveErrors, value);
            }

            // Also for a dual-mode socket: its IPv4 traffic obeys the IPv4 option.
            socket.SetRawSocketOption(SolIp, IpReceiveErrors, value);

            // Proves that the import works here before anything depends on it.
            return !TryRead(socket, out _, out _);
        }
        catch (Exception exception) when (exception is SocketException or DllNotFoundException or EntryPointNotFoundException)
        {
            // Sandboxes without these options, or a C library of another name: UDP works without the errors.
            return false;
        }
    }

    /// <summary>Takes entries out of the queue until one that is about an unreachable destination.</summary>
    /// <returns>False when the queue is empty.</returns>
    public static bool TryRead(Socket socket, out NetworkError error, out IPEndPoint? destination)
    {
        byte* name = stackalloc byte[NameSize];
        byte* control = stackalloc byte[ControlSize];
        SafeHandle handle = socket.SafeHandle;
        while (true)
        {
            MessageHeader message = new() { Name = name, NameLength = NameSize, Control = control, ControlLength = ControlSize };
            if (ReceiveMessage(handle, &message) < 0)
            {
                error = NetworkError.Unknown;
                destination = null;
                return false;
            }

            error = FindError(new ReadOnlySpan<byte>(control, (int)Math.Min(message.ControlLength, ControlSize)));
            destination = ToEndPoint(new ReadOnlySpan<byte>(name, (int)Math.Min(message.NameLength, NameSize)));
            if (error != NetworkError.Unknown && destination is not null)
            {
                return true;
            }
        }
    }

    private static nint ReceiveMessage(SafeHandle handle, MessageHeader* message)
    {
        bool added = false;
        try
        {
            handle.DangerousAddRef(ref added);
            return ReceiveMessage((int)handle.DangerousGetHandle(), message, MessageErrorQueue | MessageDontWait);
        }
        catch (ObjectDisposedException)
        {
            return -1;
        }
        finally
        {
            if (added)
            {
                handle.DangerousRelease();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "recvmsg")]
    private static partial nint ReceiveMessage(int socket, MessageHeader* message, int flags);

    /// <summary>Looks through the control messages: struct cmsghdr { size_t len; int level; int type }, then struct sock_extended_err { u32 errno; u8 origin; ... }.</summary>
    private static NetworkError FindError(ReadOnlySpan<byte> control)
    {
        int header = sizeof(nint) + (2 * sizeof(int));
        while (control.Length >= header)
        {
            long length = sizeof(nint) == sizeof(long) ? MemoryMarshal.Read<long>(control) : MemoryMarshal.Read<int>(control);
            int level = MemoryMarshal.Read<int>(control[sizeof(nint)..]);
            int type = MemoryMarshal.Read<int>(control[(sizeof(nint) + sizeof(int))..]);
            if (length < header || length > control.Length)
            {
                break;
            }

            ReadOnlySpan<byte> data = control[header..(int)length];
            if (data.Length > sizeof(int) && ((level == SolIp && type == IpReceiveErrors) || (level == SolIpv6 && type == Ipv6ReceiveErrors)))
            {
                // Errors of local origin were already returned by the call that caused them.
                return data[sizeof(int)] is OriginIcmp or OriginIcmp6 ? FromErrno(MemoryMarshal.Read<int>(data)) : NetworkError.Unknown;
            }

            int aligned = ((int)length + sizeof(nint) - 1) & ~(sizeof(nint) - 1);
            control = aligned < control.Length ? control[aligned..] : default;
        }

        return NetworkError.Unknown;
    }

    private static NetworkError FromErrno(int errno) => errno switch
    {
        Econnrefused => NetworkError.PortUnreachable,
        Ehostunreach => NetworkError.HostUnreachable,
        Enetunreach => NetworkError.NetworkUnreachable,
        Eacces or Eperm => NetworkError.AccessDenied,
        _ => NetworkError.Unknown,
    };

    /// <summary>Reads a struct sockaddr_in or sockaddr_in6.</summary>
    private static IPEndPoint? ToEndPoint(ReadOnlySpan<byte> name)
    {
        const int ipv4Size = 16;
        const ushort ipv4Family = 2;
        const ushort ipv6Family = 10;
        if (name.Length < ipv4Size)
        {
            return null;
        }

        int port = BinaryPrimitives.ReadUInt16BigEndian(name[2..]);
        switch (MemoryMarshal.Read<ushort>(name))
        {
            case ipv4Family:
                return new IPEndPoint(new IPAddress(name.Slice(4, 4)), port);
            case ipv6Family when name.Length >= NameSize:
                IPAddress address = new(name.Slice(8, 16), MemoryMarshal.Read<uint>(name[24..]));
                return new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, port);
            default:
                return null;
        }
    }

    /// <summary>struct msghdr of glibc; musl splits the counts into an int and padding, which is the same on little-endian machines.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public byte* Name;
        public uint NameLength;
        public void* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
