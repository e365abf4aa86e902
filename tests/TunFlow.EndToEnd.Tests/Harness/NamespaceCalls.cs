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
}
