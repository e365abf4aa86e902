using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace TunFlow.Devices.Linux.Native;

/// <summary>Sockets for netlink and for passing descriptors, and the calls of an engine that waits for its sockets itself; everything else uses System.Net.Sockets.</summary>
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
    internal const int MessagePeek = 2;
    internal const int MessageDoNotWait = 0x40;
    internal const int SetFlags = 4;
    internal const int ReadWrite = 2;
    internal const int NonBlocking = 0x800;

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    internal static partial int Create(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    internal static partial int CreatePair(int family, int type, int protocol, int* descriptors);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    internal static partial int SetOption(SafeFileHandle socket, int level, int option, void* value, uint size);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    internal static partial nint Send(SafeHandle socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    internal static partial nint Receive(SafeHandle socket, void* data, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Control(SafeHandle socket, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    internal static partial int Connect(SafeHandle socket, void* address, uint size);

    [LibraryImport("libc", EntryPoint = "getsockname", SetLastError = true)]
    internal static partial int GetName(SafeHandle socket, void* address, uint* size);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    internal static partial nint ReceiveMessage(SafeFileHandle socket, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial uint InterfaceIndex(string name);
}
