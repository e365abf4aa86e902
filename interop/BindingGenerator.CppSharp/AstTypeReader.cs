using System.Collections.Immutable;
using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;
using Ast = CppSharp.AST;

namespace TunFlow.BindingGenerator.CppSharpParser;

/// <summary>Maps a type of CppSharp's tree to the model; what has no exact counterpart is an <see cref="UnmappableException"/>.</summary>
internal sealed class AstTypeReader(Ast.TranslationUnit unit)
{
    private readonly Ast.TranslationUnit _unit = unit;

    /// <exception cref="UnmappableException">The type has no counterpart; the message says why.</exception>
    public TypeModel Read(Ast.QualifiedType qualified) => qualified.Type switch
    {
        Ast.BuiltinType builtin => new PrimitiveType(ReadBuiltin(builtin.Type)),
        Ast.TypedefType typedef => ReadTypedef(typedef.Declaration),
        Ast.AttributedType attributed => Read(attributed.Modified),
        Ast.PointerType pointer => ReadPointer(pointer),
        Ast.ArrayType array => ReadArray(array),
        Ast.TagType { Declaration: Ast.Enumeration type } => new EnumType(NameOf(type)),
        Ast.TagType { Declaration: Ast.Class type } => ReadClass(type),
        Ast.DecayedType => throw new UnmappableException("an array parameter is a pointer in C; write it as one"),
        Ast.FunctionType => throw new UnmappableException("a function type is only usable through a pointer"),
        var other => throw new UnmappableException($"the type {other?.GetType().Name} has no C# counterpart"),
    };

    public static PrimitiveKind ReadBuiltin(Ast.PrimitiveType type) => type switch
    {
        Ast.PrimitiveType.Void => PrimitiveKind.Void,
        Ast.PrimitiveType.Bool => PrimitiveKind.Bool,
        Ast.PrimitiveType.Char => PrimitiveKind.Char,
        Ast.PrimitiveType.SChar => PrimitiveKind.Int8,
        Ast.PrimitiveType.UChar => PrimitiveKind.UInt8,
        Ast.PrimitiveType.Short => PrimitiveKind.Int16,
        Ast.PrimitiveType.UShort => PrimitiveKind.UInt16,
        Ast.PrimitiveType.Int => PrimitiveKind.Int32,
        Ast.PrimitiveType.UInt => PrimitiveKind.UInt32,
        Ast.PrimitiveType.LongLong => PrimitiveKind.Int64,
        Ast.PrimitiveType.ULongLong => PrimitiveKind.UInt64,
        Ast.PrimitiveType.Float => PrimitiveKind.Float,
        Ast.PrimitiveType.Double => PrimitiveKind.Double,
        Ast.PrimitiveType.Long or Ast.PrimitiveType.ULong => throw new UnmappableException(ScalarTypes.LongReason),
        _ => throw new UnmappableException($"the type {type} has no C# counterpart"),
    };

    /// <summary>In "typedef struct {...} name" only the typedef has the name; it also wins over a tag that differs from it.</summary>
    public string NameOf(Ast.Declaration tag)
    {
        var complete = tag.CompleteDeclaration ?? tag;
        var typedef = _unit.Typedefs.Find(t => t.Type is Ast.TagType { Declaration: var declaration }
            && (declaration.CompleteDeclaration ?? declaration) == complete);
        return typedef?.Name ?? tag.Name;
    }

    private TypeModel ReadTypedef(Ast.TypedefNameDecl declaration)
    {
        if (ScalarTypes.TryGet(declaration.Name, out var kind))
            return new PrimitiveType(kind);
        if (ScalarTypes.RejectionOf(declaration.Name) is { } reason)
            throw new UnmappableException(reason);
        return Read(declaration.QualifiedType);
    }

    private TypeModel ReadPointer(Ast.PointerType pointer) => FunctionBehind(pointer.Pointee) is { } function
        ? ReadFunction(function)
        : new PointerType(Read(pointer.QualifiedPointee), pointer.QualifiedPointee.Qualifiers.IsConst);

    private static Ast.FunctionType? FunctionBehind(Ast.Type type) => type switch
    {
        Ast.FunctionType function => function,
        Ast.TypedefType typedef => FunctionBehind(typedef.Declaration.Type),
        Ast.AttributedType attributed => FunctionBehind(attributed.Modified.Type),
        _ => null,
    };

    private FunctionPointerType ReadFunction(Ast.FunctionType function)
    {
        if (function.CallingConvention is not (Ast.CallingConvention.Default or Ast.CallingConvention.C))
            throw new UnmappableException("only function pointers of the platform's C calling convention are mapped");
        return new FunctionPointerType(
            ModelRules.RequirePassable(Read(function.ReturnType)),
            [.. function.Parameters.Select(p => ModelRules.RequirePassable(Read(p.QualifiedType)))]);
    }

    private ArrayType ReadArray(Ast.ArrayType array)
    {
        if (array.SizeType == Ast.ArrayType.ArraySize.Incomplete)
            throw new UnmappableException("a flexible array member has no size in C#");
        if (array.SizeType != Ast.ArrayType.ArraySize.Constant || array.Size is <= 0 or > int.MaxValue)
            throw new UnmappableException("an array without a fixed length has no C# counterpart");
        return Read(array.QualifiedType) switch
        {
            ArrayType => throw new UnmappableException("an array of arrays has no C# counterpart"),
            PointerType or FunctionPointerType => throw new UnmappableException("an array of pointers has no blittable C# counterpart"),
            var element => new ArrayType(element, (int)array.Size),
        };
    }

    private StructType ReadClass(Ast.Class type)
    {
        if (type.IsUnion)
            throw new UnmappableException("unions are not mapped: which member is valid can not be known");
        var complete = (type.CompleteDeclaration ?? type) as Ast.Class ?? type;
        if (complete.TranslationUnit != _unit)
            throw new UnmappableException($"'{type.Name}' is declared outside of this header");
        return new StructType(NameOf(type), complete.IsIncomplete);
    }
}
