using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace TunFlow.EndToEnd.Tests.Harness;

internal static partial class NamespaceCalls
{
    internal const int NewNetwork = 0x40000000;

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    internal static partial int Enter(SafeFileHandle file, int kind);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int process, int signal);

    // glibc gives back what its heaps hold free; C libraries without it keep little.
    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    internal static partial int TrimHeap(nuint keep);
}
