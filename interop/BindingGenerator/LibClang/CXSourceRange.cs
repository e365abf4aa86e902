using System.Runtime.InteropServices;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Mirrors CXSourceRange of clang-c/Index.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CXSourceRange
{
    public nint Data0;
    public nint Data1;
    public uint Begin;
    public uint End;
}
