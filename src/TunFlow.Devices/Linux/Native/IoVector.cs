using System.Runtime.InteropServices;

namespace TunFlow.Devices.Linux.Native;

/// <summary><c>struct iovec</c>; on 64-bit systems also the layout of the native stack's slices.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    internal byte* Data;
    internal nuint Length;

    internal IoVector(byte* data, nuint length)
    {
        Data = data;
        Length = length;
    }
}
