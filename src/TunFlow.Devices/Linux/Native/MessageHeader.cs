using System.Runtime.InteropServices;

namespace TunFlow.Devices.Linux.Native;

/// <summary><c>struct msghdr</c> of glibc; musl splits the counts in an int and padding, which is the same on little-endian machines.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    internal void* Name;
    internal uint NameLength;
    internal IoVector* Vectors;
    internal nuint VectorCount;
    internal byte* Control;
    internal nuint ControlLength;
    internal int Flags;
}
