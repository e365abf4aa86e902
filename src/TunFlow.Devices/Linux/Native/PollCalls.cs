using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace TunFlow.Devices.Linux.Native;

/// <summary>epoll and eventfd.</summary>
internal static unsafe partial class PollCalls
{
    internal const uint EpollIn = 0x001;
    internal const uint EpollUrgent = 0x002;
    internal const uint EpollOut = 0x004;
    internal const uint EpollError = 0x008;
    internal const uint EpollHangUp = 0x010;
    internal const uint EpollPeerHangUp = 0x2000;
    internal const uint EpollOneShot = 1u << 30;
    internal const uint EpollEdge = 1u << 31;
    internal const int EpollAdd = 1;
    internal const int EpollDelete = 2;
    internal const int EpollModify = 3;
    internal const int EpollCloseOnExec = 0x80000;
    internal const int EventCloseOnExec = 0x80000;
    internal const int EventNonBlocking = 0x800;

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    internal static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    internal static partial int EpollControl(SafeFileHandle epoll, int operation, SafeHandle descriptor, void* interest);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    internal static partial int EpollControl(SafeFileHandle epoll, int operation, int descriptor, void* interest);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    internal static partial int EpollWait(SafeFileHandle epoll, void* events, int capacity, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    internal static partial int EventDescriptor(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint WriteEvent(SafeFileHandle descriptor, ulong* value, nuint size);
}
