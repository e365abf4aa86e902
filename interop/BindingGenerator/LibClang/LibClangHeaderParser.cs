using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Reads a header with libclang.</summary>
internal sealed class LibClangHeaderParser(GeneratorOptions options) : IHeaderParser
{
    private readonly GeneratorOptions _options = options;

    /// <inheritdoc />
    public HeaderModel Parse(string headerPath)
    {
        using var unit = new TranslationUnit(headerPath);
        var errors = new List<HeaderError>();
        var reader = new DeclarationReader(unit, HeaderComments.Read(File.ReadAllText(headerPath)), _options, errors);
        var model = reader.Read();
        errors.AddRange(ModelRules.Check(model, headerPath));
        if (errors.Count > 0)
            throw new HeaderException([.. errors.OrderBy(e => e.Location.Line).ThenBy(e => e.Location.Column)]);
        return model;
    }
}
