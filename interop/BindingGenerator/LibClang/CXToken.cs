using System.Runtime.InteropServices;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Mirrors CXToken of clang-c/Index.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CXToken
{
    public uint Int0;
    public uint Int1;
    public uint Int2;
    public uint Int3;
    public nint Data;
}
