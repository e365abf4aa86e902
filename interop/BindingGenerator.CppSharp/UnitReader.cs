using System.Collections.Immutable;
using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;
using Ast = CppSharp.AST;

namespace TunFlow.BindingGenerator.CppSharpParser;

/// <summary>Walks the declarations of one translation unit of CppSharp's tree.</summary>
internal sealed class UnitReader
{
    private readonly Ast.TranslationUnit _unit;
    private readonly HeaderSource _source;
    private readonly GeneratorOptions _options;
    private readonly List<HeaderError> _errors;
    private readonly AstTypeReader _types;
    private readonly TypeSizes _sizes;

    public UnitReader(Ast.TranslationUnit unit, HeaderSource source, GeneratorOptions options, int pointerSize, List<HeaderError> errors)
    {
        _unit = unit;
        _source = source;
        _options = options;
        _errors = errors;
        _types = new AstTypeReader(unit);
        _sizes = new TypeSizes(pointerSize);
    }

    public HeaderModel Read()
    {
        foreach (var variable in _unit.Variables)
            Reject(variable.LineNumberStart, "variables are not mapped; export a function that returns the value");
        // Enums first: the size of a field of an enum's type is that of the enum.
        var constants = Collect(_unit.Macros, ReadMacro);
        var enums = Collect(_unit.Enums, ReadEnum);
        foreach (var type in enums)
            _sizes.Add(type);
        var structs = Collect(_unit.Classes, ReadStruct);
        var functions = Collect(_unit.Functions, ReadFunction);
        return new HeaderModel(constants, enums, structs, functions);
    }

    private static ImmutableArray<TModel> Collect<TDeclaration, TModel>(
        IEnumerable<TDeclaration> declarations, Func<TDeclaration, TModel?> read)
        where TModel : class =>
        [.. declarations.Select(read).OfType<TModel>()];

    private ConstantModel? ReadMacro(Ast.MacroDefinition macro)
    {
        var name = macro.Name;
        if (!name.StartsWith(_options.ConstantPrefix, StringComparison.Ordinal) || name == _options.ExportMacro)
            return null;
        var (line, isFunctionLike) = _source.FindMacro(name);
        var tokens = HeaderSource.Tokens(macro.Expression ?? string.Empty);
        if (isFunctionLike)
            return Reject<ConstantModel>(line, $"the function-like macro '{name}' has no value");
        if (tokens.Count == 0)
            return null;
        return MacroValue.Read(tokens, out var reason) is { } value
            ? new ConstantModel(name, value, _source.CommentOf(line, line))
            : Reject<ConstantModel>(line, $"the macro '{name}' is not mapped: {reason}");
    }

    private EnumModel? ReadEnum(Ast.Enumeration declaration)
    {
        var name = _types.NameOf(declaration);
        if (!HasPrefix(declaration, name, "enum"))
            return null;
        try
        {
            var underlying = AstTypeReader.ReadBuiltin(declaration.BuiltinType.Type);
            var isUnsigned = declaration.BuiltinType.IsUnsigned;
            var members = declaration.Items.Select(item => new EnumMemberModel(
                item.Name,
                isUnsigned ? (Int128)item.Value : unchecked((long)item.Value),
                CommentOf(item)));
            return new EnumModel(name, underlying, [.. members], CommentOf(declaration));
        }
        catch (UnmappableException e)
        {
            return Reject<EnumModel>(declaration.LineNumberStart, $"enum '{name}': {e.Message}");
        }
    }

    private StructModel? ReadStruct(Ast.Class declaration)
    {
        var name = _types.NameOf(declaration);
        var line = declaration.LineNumberStart;
        if (declaration.IsUnion)
            return Reject<StructModel>(line, "unions are not mapped: which member is valid can not be known");
        if (!HasPrefix(declaration, name, "struct"))
            return null;
        if (declaration.IsIncomplete)
        {
            return declaration.CompleteDeclaration is null
                ? new StructModel(name, 0, 0, [], CommentOf(declaration), _source.At(line))
                : null;
        }

        if (declaration.Classes.Count > 0 || declaration.Enums.Count > 0)
            return Reject<StructModel>(line, $"'{name}' has an anonymous or nested member type; declare it with a name outside of the struct");
        if (declaration.Fields.Count == 0)
            return Reject<StructModel>(line, $"'{name}' has no members, which C does not allow");

        var fields = declaration.Fields.Select(field => ReadField(declaration, field, name)).ToList();
        if (fields.Contains(null))
            return null;
        var type = new StructModel(
            name, declaration.Layout.Size, declaration.Layout.Alignment, [.. fields.OfType<FieldModel>()], CommentOf(declaration), _source.At(line));
        _sizes.Add(type);
        return type;
    }

    private FieldModel? ReadField(Ast.Class owner, Ast.Field field, string ownerName)
    {
        try
        {
            if (field.IsBitField)
                throw new UnmappableException("bit-fields are laid out as each compiler likes");
            var type = _types.Read(field.QualifiedType);
            var (size, alignment) = _sizes.Of(type);
            var place = owner.Layout.Fields.Find(f => f.FieldPtr == field.OriginalPtr)
                ?? throw new UnmappableException("CppSharp knows no offset of it");
            return new FieldModel(
                field.Name, type, (int)place.Offset, size, alignment, CommentOf(field), _source.At(field.LineNumberStart));
        }
        catch (UnmappableException e)
        {
            return Reject<FieldModel>(field.LineNumberStart, $"'{ownerName}.{field.Name}': {e.Message}");
        }
    }

    private FunctionModel? ReadFunction(Ast.Function function)
    {
        var line = function.LineNumberStart;
        var name = function.Name;
        if (function.IsInline)
            return Reject<FunctionModel>(line, $"'{name}' is static or inline: the library exports no symbol for it");
        if (!_source.IsExported(line))
            return Reject<FunctionModel>(line, $"'{name}' is not exported; mark it {_options.ExportMacro}");
        if (!HasPrefix(function, name, "function"))
            return null;
        if (function.IsVariadic)
            return Reject<FunctionModel>(line, $"'{name}' is variadic, which has no C# counterpart");
        if (function.CallingConvention is not (Ast.CallingConvention.Default or Ast.CallingConvention.C))
            return Reject<FunctionModel>(line, $"'{name}' does not use the platform's C calling convention");
        try
        {
            var parameters = function.Parameters.Select(parameter => string.IsNullOrEmpty(parameter.Name)
                ? throw new UnmappableException("a parameter has no name")
                : new ParameterModel(parameter.Name, ModelRules.RequirePassable(_types.Read(parameter.QualifiedType))));
            return new FunctionModel(name, ModelRules.RequirePassable(_types.Read(function.ReturnType)), [.. parameters], CommentOf(function));
        }
        catch (UnmappableException e)
        {
            return Reject<FunctionModel>(line, $"'{name}': {e.Message}");
        }
    }

    private bool HasPrefix(Ast.Declaration declaration, string name, string what)
    {
        if (name.StartsWith(_options.Prefix, StringComparison.Ordinal))
            return true;
        Reject(declaration.LineNumberStart, $"{what} '{name}' does not start with '{_options.Prefix}'");
        return false;
    }

    private string? CommentOf(Ast.Declaration declaration) =>
        _source.CommentOf(declaration.LineNumberStart, declaration.LineNumberEnd);

    private T? Reject<T>(int line, string reason)
        where T : class
    {
        Reject(line, reason);
        return null;
    }

    private void Reject(int line, string reason) => _errors.Add(new HeaderError(_source.At(line), reason));
}
