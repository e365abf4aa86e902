using System.Runtime.InteropServices;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Mirrors CXString of clang-c/CXString.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CXString
{
    public nint Data;
    public uint PrivateFlags;

    /// <summary>Copies the text and frees the native string: call it once.</summary>
    public readonly string Take()
    {
        var text = Marshal.PtrToStringUTF8(Clang.clang_getCString(this)) ?? string.Empty;
        Clang.clang_disposeString(this);
        return text;
    }
}
