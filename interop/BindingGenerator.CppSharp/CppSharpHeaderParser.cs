using CppSharp.Parser;
using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;
using ClangParser = CppSharp.ClangParser;
using Platform = CppSharp.Platform;

namespace TunFlow.BindingGenerator.CppSharpParser;

/// <summary>Reads a header with CppSharp's parser and fills in the same model as the libclang one.</summary>
internal sealed class CppSharpHeaderParser(GeneratorOptions options) : IHeaderParser
{
    private readonly GeneratorOptions _options = options;

    /// <inheritdoc />
    public HeaderModel Parse(string headerPath)
    {
        using var parserOptions = new ParserOptions { LanguageVersion = LanguageVersion.C99_GNU };
        parserOptions.AddIncludeDirs(Path.GetDirectoryName(Path.GetFullPath(headerPath))!);
        parserOptions.Setup(Platform.Host);
        using var result = ClangParser.ParseSourceFile(headerPath, parserOptions);
        ThrowOnErrors(result, headerPath);

        var fullPath = Path.GetFullPath(headerPath);
        var unit = ClangParser.ConvertASTContext(parserOptions.ASTContext).TranslationUnits
            .Find(u => u.IsValid && Path.GetFullPath(u.FilePath) == fullPath)
            ?? throw new HeaderException([new HeaderError(new SourceLocation(headerPath, 1, 1), "CppSharp found no declarations in the file")]);
        var errors = new List<HeaderError>();
        var source = new HeaderSource(headerPath, File.ReadAllText(headerPath), _options);
        var pointerSize = (int)(result.TargetInfo.PointerWidth / 8);
        var model = new UnitReader(unit, source, _options, pointerSize, errors).Read();
        errors.AddRange(ModelRules.Check(model, headerPath));
        if (errors.Count > 0)
            throw new HeaderException([.. errors.OrderBy(e => e.Location.Line)]);
        return model;
    }

    private static void ThrowOnErrors(ParserResult result, string headerPath)
    {
        var errors = new List<HeaderError>();
        for (uint i = 0; i < result.DiagnosticsCount; i++)
        {
            using var diagnostic = result.GetDiagnostics(i);
            if (diagnostic.Level is ParserDiagnosticLevel.Error or ParserDiagnosticLevel.Fatal)
                errors.Add(new HeaderError(new SourceLocation(diagnostic.FileName, diagnostic.LineNumber, diagnostic.ColumnNumber), diagnostic.Message));
        }

        if (result.Kind != ParserResultKind.Success && errors.Count == 0)
            errors.Add(new HeaderError(new SourceLocation(headerPath, 1, 1), $"CppSharp can not parse the file ({result.Kind})"));
        if (errors.Count > 0)
            throw new HeaderException(errors);
    }
}
