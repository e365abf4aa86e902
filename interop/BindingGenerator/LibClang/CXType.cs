using System.Runtime.InteropServices;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Mirrors CXType of clang-c/Index.h. Valid as long as its translation unit.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CXType
{
    public TypeKind Kind;
    public nint Data0;
    public nint Data1;

    public readonly string Spelling => Clang.clang_getTypeSpelling(this).Take();

    public readonly bool IsConst => Clang.clang_isConstQualifiedType(this) != 0;
}
