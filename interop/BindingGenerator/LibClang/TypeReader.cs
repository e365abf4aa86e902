using System.Collections.Immutable;
using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Maps a libclang type to the model; what has no exact counterpart is an <see cref="UnmappableException"/>.</summary>
internal sealed class TypeReader(Func<CXCursor, string> nameOf)
{
    private readonly Func<CXCursor, string> _nameOf = nameOf;

    /// <exception cref="UnmappableException">The type has no counterpart; the message says why.</exception>
    public TypeModel Read(CXType type)
    {
        switch (type.Kind)
        {
            case TypeKind.Typedef:
                return ReadTypedef(type);
            case TypeKind.Elaborated:
                return Read(Clang.clang_Type_getNamedType(type));
            case TypeKind.Attributed:
                return Read(Clang.clang_Type_getModifiedType(type));
            case TypeKind.Pointer:
                return ReadPointer(Clang.clang_getPointeeType(type));
            case TypeKind.ConstantArray:
                return ReadArray(type);
            case TypeKind.IncompleteArray:
            case TypeKind.VariableArray:
                throw new UnmappableException("an array without a fixed length has no C# counterpart");
            case TypeKind.Record:
                return ReadRecord(type);
            case TypeKind.Enum:
                return new EnumType(_nameOf(Clang.clang_getTypeDeclaration(type)));
            default:
                return new PrimitiveType(ReadBuiltin(type));
        }
    }

    private static PrimitiveKind ReadBuiltin(CXType type) => type.Kind switch
    {
        TypeKind.Void => PrimitiveKind.Void,
        TypeKind.Bool => PrimitiveKind.Bool,
        TypeKind.CharS or TypeKind.CharU => PrimitiveKind.Char,
        TypeKind.SChar => PrimitiveKind.Int8,
        TypeKind.UChar => PrimitiveKind.UInt8,
        TypeKind.Short => PrimitiveKind.Int16,
        TypeKind.UShort => PrimitiveKind.UInt16,
        TypeKind.Int => PrimitiveKind.Int32,
        TypeKind.UInt => PrimitiveKind.UInt32,
        TypeKind.LongLong => PrimitiveKind.Int64,
        TypeKind.ULongLong => PrimitiveKind.UInt64,
        TypeKind.Float => PrimitiveKind.Float,
        TypeKind.Double => PrimitiveKind.Double,
        TypeKind.Long or TypeKind.ULong => throw new UnmappableException(ScalarTypes.LongReason),
        TypeKind.FunctionProto or TypeKind.FunctionNoProto => throw new UnmappableException("a function type is only usable through a pointer"),
        _ => throw new UnmappableException($"the type '{type.Spelling}' has no C# counterpart"),
    };

    private TypeModel ReadTypedef(CXType type)
    {
        var declaration = Clang.clang_getTypeDeclaration(type);
        var name = declaration.Spelling;
        if (ScalarTypes.TryGet(name, out var kind))
            return new PrimitiveType(kind);
        if (ScalarTypes.RejectionOf(name) is { } reason)
            throw new UnmappableException(reason);
        return Read(Clang.clang_getTypedefDeclUnderlyingType(declaration));
    }

    private TypeModel ReadPointer(CXType pointee)
    {
        var canonical = Clang.clang_getCanonicalType(pointee);
        return canonical.Kind is TypeKind.FunctionProto or TypeKind.FunctionNoProto
            ? ReadFunction(canonical, pointee)
            : new PointerType(Read(pointee), pointee.IsConst || canonical.IsConst);
    }

    /// <summary>Parameters are read from the type as written, because the canonical one has lost names such as uint64_t.</summary>
    private FunctionPointerType ReadFunction(CXType canonical, CXType written)
    {
        if (canonical.Kind == TypeKind.FunctionNoProto)
            throw new UnmappableException("a function pointer without a prototype; write (void) for no parameters");
        if (Clang.clang_isFunctionTypeVariadic(canonical) != 0)
            throw new UnmappableException("variadic functions can not be called through a function pointer");
        if (Clang.clang_getFunctionTypeCallingConv(canonical) != Clang.CallingConventionC)
            throw new UnmappableException("only function pointers of the platform's C calling convention are mapped");
        var function = Prototype(written);
        var parameters = ImmutableArray.CreateBuilder<TypeModel>();
        var count = Clang.clang_getNumArgTypes(function);
        for (uint i = 0; i < count; i++)
            parameters.Add(ModelRules.RequirePassable(Read(Clang.clang_getArgType(function, i))));
        return new FunctionPointerType(ModelRules.RequirePassable(Read(Clang.clang_getResultType(function))), parameters.ToImmutable());
    }

    /// <summary>Looks through typedefs and attributes to the function type itself.</summary>
    private static CXType Prototype(CXType type) => type.Kind switch
    {
        TypeKind.Typedef => Prototype(Clang.clang_getTypedefDeclUnderlyingType(Clang.clang_getTypeDeclaration(type))),
        TypeKind.Elaborated => Prototype(Clang.clang_Type_getNamedType(type)),
        TypeKind.Attributed => Prototype(Clang.clang_Type_getModifiedType(type)),
        // Parentheses, as in (*callback)(...), arrive as an unexposed kind; the result type calls still see through it.
        _ => type,
    };

    private ArrayType ReadArray(CXType type)
    {
        var element = Clang.clang_getArrayElementType(type);
        if (Clang.clang_getCanonicalType(element).Kind is TypeKind.ConstantArray)
            throw new UnmappableException("an array of arrays has no C# counterpart");
        if (Clang.clang_getCanonicalType(element).Kind is TypeKind.Pointer)
            throw new UnmappableException("an array of pointers has no blittable C# counterpart");
        var length = Clang.clang_getArraySize(type);
        if (length is <= 0 or > int.MaxValue)
            throw new UnmappableException($"an array of {length} elements has no C# counterpart");
        return new ArrayType(Read(element), (int)length);
    }

    private StructType ReadRecord(CXType type)
    {
        var declaration = Clang.clang_getTypeDeclaration(type);
        if (declaration.Kind == CursorKind.UnionDecl)
            throw new UnmappableException("unions are not mapped: which member is valid can not be known");
        var definition = Clang.clang_getCursorDefinition(declaration);
        var isOpaque = Clang.clang_Cursor_isNull(definition) != 0;
        if (!TranslationUnit.IsInMainFile(isOpaque ? declaration : definition))
            throw new UnmappableException($"'{type.Spelling}' is declared outside of this header");
        return new StructType(_nameOf(declaration), isOpaque);
    }
}
