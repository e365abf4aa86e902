using System.Runtime.InteropServices;

namespace TunFlow.Devices.Linux.Native;

/// <summary><c>struct timespec</c> where time_t is as wide as a pointer.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Timespec
{
    private const long NanosecondsPerTick = 100;

    internal nint Seconds;
    internal nint Nanoseconds;

    internal static Timespec From(TimeSpan time) => new()
    {
        Seconds = (nint)(time.Ticks / TimeSpan.TicksPerSecond),
        Nanoseconds = (nint)(time.Ticks % TimeSpan.TicksPerSecond * NanosecondsPerTick),
    };
}
