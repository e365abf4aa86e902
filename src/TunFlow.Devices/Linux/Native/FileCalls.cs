using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace TunFlow.Devices.Linux.Native;

/// <summary>open, readv, writev, ioctl, fcntl of the C library.</summary>
internal static unsafe partial class FileCalls
{
    internal const int OpenReadWrite = 2;
    internal const int OpenNonBlocking = 0x800;
    internal const int OpenCloseOnExec = 0x80000;
    internal const int GetDescriptorFlags = 1;
    internal const int SetDescriptorFlags = 2;
    internal const int GetStatusFlags = 3;
    internal const int SetStatusFlags = 4;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "readv", SetLastError = true)]
    internal static partial nint Read(SafeFileHandle descriptor, IoVector* vectors, int count);

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    internal static partial nint Write(SafeFileHandle descriptor, IoVector* vectors, int count);

    // Variadic in C. On the Linux ABIs of .NET's architectures (SysV x86-64, AAPCS, RISC-V) integer and pointer arguments travel
    // the same way in a variadic call, so a plain import is sound; on Darwin it would not be.
    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Control(SafeFileHandle descriptor, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Control(SafeFileHandle descriptor, nuint request, nuint argument);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int DescriptorControl(SafeFileHandle descriptor, int command, nint argument);
}
