using System.Collections.Immutable;
using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Walks the declarations of a translation unit's main file.</summary>
internal sealed partial class DeclarationReader
{
    private readonly TranslationUnit _unit;
    private readonly HeaderComments _comments;
    private readonly GeneratorOptions _options;
    private readonly List<HeaderError> _errors;
    private readonly TypeReader _types;
    private readonly List<(CXCursor Tag, string Name)> _typedefNames = [];

    private readonly ImmutableArray<ConstantModel>.Builder _constants = ImmutableArray.CreateBuilder<ConstantModel>();
    private readonly ImmutableArray<EnumModel>.Builder _enums = ImmutableArray.CreateBuilder<EnumModel>();
    private readonly ImmutableArray<StructModel>.Builder _structs = ImmutableArray.CreateBuilder<StructModel>();
    private readonly ImmutableArray<FunctionModel>.Builder _functions = ImmutableArray.CreateBuilder<FunctionModel>();

    public DeclarationReader(TranslationUnit unit, HeaderComments comments, GeneratorOptions options, List<HeaderError> errors)
    {
        _unit = unit;
        _comments = comments;
        _options = options;
        _errors = errors;
        _types = new TypeReader(NameOf);
    }

    public HeaderModel Read()
    {
        var declarations = TranslationUnit.Children(_unit.Root).FindAll(TranslationUnit.IsInMainFile);
        foreach (var declaration in declarations)
            RememberTypedefName(declaration);
        foreach (var declaration in declarations)
            ReadDeclaration(declaration);
        return new HeaderModel(
            _constants.ToImmutable(), _enums.ToImmutable(), _structs.ToImmutable(), _functions.ToImmutable());
    }

    private void ReadDeclaration(CXCursor cursor)
    {
        switch (cursor.Kind)
        {
            case CursorKind.MacroDefinition:
                ReadMacro(cursor);
                break;
            case CursorKind.EnumDecl when IsDefinition(cursor):
                ReadEnum(cursor);
                break;
            case CursorKind.StructDecl:
                ReadStruct(cursor);
                break;
            case CursorKind.UnionDecl:
                Reject(cursor, "unions are not mapped: which member is valid can not be known");
                break;
            case CursorKind.FunctionDecl:
                ReadFunction(cursor);
                break;
            case CursorKind.VarDecl:
                Reject(cursor, "variables are not mapped; export a function that returns the value");
                break;
            default:
                break;
        }
    }

    /// <summary>In "typedef struct {...} name" only the typedef has the name; it also wins over a tag that differs from it.</summary>
    private void RememberTypedefName(CXCursor cursor)
    {
        if (cursor.Kind != CursorKind.TypedefDecl)
            return;
        var underlying = Clang.clang_getTypedefDeclUnderlyingType(cursor);
        if (underlying.Kind == TypeKind.Elaborated)
            underlying = Clang.clang_Type_getNamedType(underlying);
        if (underlying.Kind is TypeKind.Record or TypeKind.Enum)
            _typedefNames.Add((Clang.clang_getCanonicalCursor(Clang.clang_getTypeDeclaration(underlying)), cursor.Spelling));
    }

    private string NameOf(CXCursor tag)
    {
        var canonical = Clang.clang_getCanonicalCursor(tag);
        foreach (var (known, name) in _typedefNames)
        {
            if (known.Is(canonical))
                return name;
        }

        return tag.Spelling;
    }

    private void ReadMacro(CXCursor cursor)
    {
        var name = cursor.Spelling;
        if (!name.StartsWith(_options.ConstantPrefix, StringComparison.Ordinal) || name == _options.ExportMacro)
            return;
        var tokens = _unit.TokensOf(cursor);
        tokens.RemoveAt(0);
        if (Clang.clang_Cursor_isMacroFunctionLike(cursor) != 0)
            Reject(cursor, $"the function-like macro '{name}' has no value");
        else if (tokens.Count == 0)
            return; // An include guard or a feature mark: there is no value to carry over.
        else if (MacroValue.Read(tokens, out var reason) is { } value)
            _constants.Add(new ConstantModel(name, value, CommentOf(cursor)));
        else
            Reject(cursor, $"the macro '{name}' is not mapped: {reason}");
    }

    private void ReadEnum(CXCursor cursor)
    {
        var name = NameOf(cursor);
        if (!CheckName(cursor, name, "enum"))
            return;
        try
        {
            var integer = Clang.clang_getEnumDeclIntegerType(cursor);
            var underlying = ((PrimitiveType)_types.Read(Clang.clang_getCanonicalType(integer))).Kind;
            var isUnsigned = underlying is PrimitiveKind.UInt8 or PrimitiveKind.UInt16 or PrimitiveKind.UInt32 or PrimitiveKind.UInt64;
            var members = ImmutableArray.CreateBuilder<EnumMemberModel>();
            foreach (var member in TranslationUnit.Children(cursor).FindAll(c => c.Kind == CursorKind.EnumConstantDecl))
            {
                Int128 value = isUnsigned
                    ? Clang.clang_getEnumConstantDeclUnsignedValue(member)
                    : Clang.clang_getEnumConstantDeclValue(member);
                members.Add(new EnumMemberModel(member.Spelling, value, CommentOf(member)));
            }

            _enums.Add(new EnumModel(name, underlying, members.ToImmutable(), CommentOf(cursor)));
        }
        catch (UnmappableException e)
        {
            Reject(cursor, $"enum '{name}': {e.Message}");
        }
    }

    private void ReadFunction(CXCursor cursor)
    {
        var name = cursor.Spelling;
        var type = cursor.Type;
        if (Clang.clang_Cursor_isFunctionInlined(cursor) != 0 || Clang.clang_Cursor_getStorageClass(cursor) == Clang.StorageStatic)
            Reject(cursor, $"'{name}' is static or inline: the library exports no symbol for it");
        else if (!TranslationUnit.Children(cursor).Exists(c => c.Kind is CursorKind.VisibilityAttr or CursorKind.DllExport))
            Reject(cursor, $"'{name}' is not exported; mark it {_options.ExportMacro}");
        else if (!name.StartsWith(_options.Prefix, StringComparison.Ordinal))
            Reject(cursor, $"'{name}' does not start with '{_options.Prefix}'");
        else if (type.Kind == TypeKind.FunctionNoProto)
            Reject(cursor, $"'{name}' has no prototype; write (void) for no parameters");
        else if (Clang.clang_isFunctionTypeVariadic(type) != 0)
            Reject(cursor, $"'{name}' is variadic, which has no C# counterpart");
        else if (Clang.clang_getFunctionTypeCallingConv(type) != Clang.CallingConventionC)
            Reject(cursor, $"'{name}' does not use the platform's C calling convention");
        else
            AddFunction(cursor, name);
    }

    private void AddFunction(CXCursor cursor, string name)
    {
        var parameters = ImmutableArray.CreateBuilder<ParameterModel>();
        var count = Clang.clang_Cursor_getNumArguments(cursor);
        for (uint i = 0; i < count; i++)
        {
            var argument = Clang.clang_Cursor_getArgument(cursor, i);
            var argumentName = argument.Spelling;
            if (argumentName.Length == 0)
                Reject(argument, $"parameter {i + 1} of '{name}' has no name");
            else if (TryReadValue(argument, argument.Type, $"parameter '{argumentName}' of '{name}'") is { } type)
                parameters.Add(new ParameterModel(argumentName, type));
        }

        if (TryReadValue(cursor, Clang.clang_getCursorResultType(cursor), $"result of '{name}'") is { } result)
            _functions.Add(new FunctionModel(name, result, parameters.ToImmutable(), CommentOf(cursor)));
    }

    /// <summary>The type of a parameter or result, or null after an error was noted.</summary>
    private TypeModel? TryReadValue(CXCursor cursor, CXType type, string what)
    {
        try
        {
            return ModelRules.RequirePassable(_types.Read(type));
        }
        catch (UnmappableException e)
        {
            Reject(cursor, $"{what}: {e.Message}");
            return null;
        }
    }

    private static bool IsDefinition(CXCursor cursor) => Clang.clang_isCursorDefinition(cursor) != 0;

    private bool CheckName(CXCursor cursor, string name, string what)
    {
        if (name.StartsWith(_options.Prefix, StringComparison.Ordinal))
            return true;
        Reject(cursor, $"{what} '{name}' does not start with '{_options.Prefix}'");
        return false;
    }

    private string? CommentOf(CXCursor cursor)
    {
        var (start, end) = _unit.LinesOf(cursor);
        return _comments.Find(start, end);
    }

    private void Reject(CXCursor cursor, string reason) => _errors.Add(new HeaderError(_unit.LocationOf(cursor), reason));
}
