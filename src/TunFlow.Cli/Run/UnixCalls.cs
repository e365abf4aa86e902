using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace TunFlow.Cli.Run;

/// <summary>What the framework has no name for.</summary>
internal static partial class UnixCalls
{
    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "getppid")]
    internal static partial int GetParent();

    [LibraryImport("libc", EntryPoint = "prlimit64", SetLastError = true)]
    internal static unsafe partial int ResourceLimit(int process, int resource, ResourceLimit* set, ResourceLimit* get);

    [LibraryImport("libc", EntryPoint = "getpgrp")]
    internal static partial int GetProcessGroup();

    [LibraryImport("libc", EntryPoint = "tcgetpgrp", SetLastError = true)]
    internal static partial int GetForegroundGroup(SafeFileHandle terminal);
}
