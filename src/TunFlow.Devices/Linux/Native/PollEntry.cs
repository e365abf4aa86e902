using System.Runtime.InteropServices;

namespace TunFlow.Devices.Linux.Native;

/// <summary><c>struct pollfd</c>. A negative descriptor is skipped by the kernel.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollEntry
{
    internal int Descriptor;
    internal short Events;
    internal short Returned;
}
