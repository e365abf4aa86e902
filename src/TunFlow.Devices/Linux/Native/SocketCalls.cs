using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace TunFlow.Devices.Linux.Native;

/// <summary>Sockets for netlink and for passing descriptors; everything else uses System.Net.Sockets.</summary>
internal static unsafe partial class SocketCalls
{
    internal const int FamilyUnix = 1;
    internal const int FamilyNetlink = 16;
    internal const int TypeStream = 1;
    internal const int TypeRaw = 3;
    internal const int TypeSequentialPacket = 5;
    internal const int CloseOnExec = 0x80000;
    internal const int LevelSocket = 1;
    internal const int LevelNetlink = 270;
    internal const int NetlinkExtendedAcknowledgement = 11;
    internal const int MessageCloseOnExec = 0x40000000;
    internal const int MessageNoSignal = 0x4000;
    internal const int ControlRights = 1;

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    internal static partial int Create(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    internal static partial int CreatePair(int family, int type, int protocol, int* descriptors);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    internal static partial int SetOption(SafeFileHandle socket, int level, int option, void* value, uint size);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    internal static partial nint Send(SafeFileHandle socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    internal static partial nint Receive(SafeFileHandle socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    internal static partial nint ReceiveMessage(SafeFileHandle socket, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial uint InterfaceIndex(string name);
}
