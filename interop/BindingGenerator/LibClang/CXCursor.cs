using System.Runtime.InteropServices;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Mirrors CXCursor of clang-c/Index.h. Valid as long as its translation unit.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CXCursor
{
    public CursorKind Kind;
    public int XData;
    public nint Data0;
    public nint Data1;
    public nint Data2;

    public readonly string Spelling => Clang.clang_getCursorSpelling(this).Take();

    public readonly CXType Type => Clang.clang_getCursorType(this);

    public readonly bool Is(CXCursor other) => Clang.clang_equalCursors(this, other) != 0;
}
