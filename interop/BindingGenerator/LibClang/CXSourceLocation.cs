using System.Runtime.InteropServices;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Mirrors CXSourceLocation of clang-c/Index.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CXSourceLocation
{
    public nint Data0;
    public nint Data1;
    public uint IntData;
}
