using TunFlow.BindingGenerator.Model;

namespace TunFlow.BindingGenerator.Emitting;

/// <summary>How a type of the model is written in C# and in C.</summary>
internal static class TypeNames
{
    public static string CSharp(TypeModel type) => type switch
    {
        PrimitiveType primitive => Keyword(primitive.Kind),
        EnumType e => Naming.TypeName(e.Name),
        StructType s => Naming.TypeName(s.Name),
        PointerType p => CSharp(p.Pointee) + "*",
        ArrayType a => InlineArray(a),
        FunctionPointerType f => $"delegate* unmanaged[Cdecl]<{string.Join(", ", f.Parameters.Append(f.Result).Select(CSharp))}>",
        _ => throw new InvalidOperationException($"unknown type {type}"),
    };

    /// <summary>ByteArray16, UInt64Array29, TfSliceArray16.</summary>
    public static string InlineArray(ArrayType array)
    {
        var element = array.Element is PrimitiveType p
            ? p.Kind switch
            {
                PrimitiveKind.UInt8 or PrimitiveKind.Char or PrimitiveKind.Bool => "Byte",
                PrimitiveKind.Int8 => "SByte",
                _ => p.Kind.ToString(),
            }
            : CSharp(array.Element);
        return $"{element}Array{array.Length}";
    }

    /// <summary>
    /// char becomes byte (its signedness differs between platforms and text is UTF-8); _Bool becomes byte too, because a C#
    /// bool that is neither 0 nor 1 misbehaves.
    /// </summary>
    public static string Keyword(PrimitiveKind kind) => kind switch
    {
        PrimitiveKind.Void => "void",
        PrimitiveKind.Bool or PrimitiveKind.Char or PrimitiveKind.UInt8 => "byte",
        PrimitiveKind.Int8 => "sbyte",
        PrimitiveKind.Int16 => "short",
        PrimitiveKind.UInt16 => "ushort",
        PrimitiveKind.Int32 => "int",
        PrimitiveKind.UInt32 => "uint",
        PrimitiveKind.Int64 => "long",
        PrimitiveKind.UInt64 => "ulong",
        PrimitiveKind.IntPtr => "nint",
        PrimitiveKind.UIntPtr => "nuint",
        PrimitiveKind.Float => "float",
        PrimitiveKind.Double => "double",
        _ => throw new InvalidOperationException($"unknown kind {kind}"),
    };

    /// <summary>The C prototype, in fixed-width names; it keeps the const that C# pointers lose.</summary>
    public static string Prototype(FunctionModel function)
    {
        var parameters = function.Parameters.Length == 0
            ? "void"
            : string.Join(", ", function.Parameters.Select(p => Declare(p.Type, p.Name)));
        return $"{Declare(function.Result, function.Name)}({parameters})";
    }

    private static string Declare(TypeModel type, string name) => type switch
    {
        PointerType => $"{C(type)}{name}",
        FunctionPointerType f => $"{C(f.Result)} (*{name})({string.Join(", ", f.Parameters.Select(C))})",
        _ => $"{C(type)} {name}",
    };

    private static string C(TypeModel type) => type switch
    {
        PrimitiveType { Kind: PrimitiveKind.Void } => "void",
        PrimitiveType { Kind: PrimitiveKind.Bool } => "_Bool",
        PrimitiveType { Kind: PrimitiveKind.Char } => "char",
        PrimitiveType { Kind: PrimitiveKind.Float } => "float",
        PrimitiveType { Kind: PrimitiveKind.Double } => "double",
        PrimitiveType { Kind: PrimitiveKind.UIntPtr } => "uintptr_t",
        PrimitiveType { Kind: PrimitiveKind.IntPtr } => "intptr_t",
        PrimitiveType p => p.Kind.ToString().ToLowerInvariant() + "_t",
        EnumType e => e.Name,
        StructType s => s.Name,
        // The const of "T *const *" belongs behind the inner star.
        PointerType { PointeeIsConst: true, Pointee: PointerType inner } => $"{C(inner)}const *",
        PointerType { Pointee: PointerType inner } => $"{C(inner)}*",
        PointerType p => $"{(p.PointeeIsConst ? "const " : string.Empty)}{C(p.Pointee)} *",
        FunctionPointerType f => Declare(f, string.Empty),
        _ => throw new InvalidOperationException($"unknown type {type}"),
    };
}
