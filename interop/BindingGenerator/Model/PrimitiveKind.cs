namespace TunFlow.BindingGenerator.Model;

/// <summary>The scalar types that have one width on every platform the library is built for, and the pointer-sized ones.</summary>
internal enum PrimitiveKind
{
    Void,
    Bool,
    Char,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    IntPtr,
    UIntPtr,
    Float,
    Double,
}
