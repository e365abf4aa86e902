using System.Runtime.InteropServices;

namespace TunFlow.Cli.Run;

/// <summary><c>struct rlimit64</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ResourceLimit
{
    internal ulong Soft;
    internal ulong Hard;
}
