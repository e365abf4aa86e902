using TunFlow.BindingGenerator.Model;

namespace TunFlow.BindingGenerator.Parsing;

/// <summary>What must hold for a model whichever parser it came from.</summary>
internal static class ModelRules
{
    /// <summary>The type, if a value of it can be a parameter or a result.</summary>
    /// <exception cref="UnmappableException">It can not.</exception>
    public static TypeModel RequirePassable(TypeModel type) => type switch
    {
        ArrayType => throw new UnmappableException("an array parameter is a pointer in C; write it as one"),
        StructType { IsOpaque: true, Name: var name } => throw new UnmappableException($"'{name}' is never defined and can only be pointed to"),
        _ => type,
    };

    public static IEnumerable<HeaderError> Check(HeaderModel model, string headerPath) =>
        CheckLayouts(model).Concat(CheckNames(model, headerPath));

    /// <summary>
    /// C# lays sequential structs out by natural alignment; a struct that the C compiler laid out otherwise (a pragma, an
    /// attribute) would be read at wrong offsets.
    /// </summary>
    private static IEnumerable<HeaderError> CheckLayouts(HeaderModel model)
    {
        foreach (var type in model.Structs)
        {
            var (offset, alignment) = (0, 1);
            foreach (var field in type.Fields)
            {
                offset = Align(offset, field.Alignment);
                if (offset != field.Offset)
                {
                    yield return new HeaderError(
                        field.Location,
                        $"'{type.Name}.{field.Name}' lies at offset {field.Offset}, not at its natural {offset}; packing is not mapped");
                    break;
                }

                offset += field.Size;
                alignment = Math.Max(alignment, field.Alignment);
            }

            if (!type.IsOpaque && offset == LastEnd(type) && Align(offset, alignment) != type.Size)
                yield return new HeaderError(type.Location, $"'{type.Name}' has {type.Size} bytes, not its natural {Align(offset, alignment)}");
        }
    }

    private static IEnumerable<HeaderError> CheckNames(HeaderModel model, string headerPath)
    {
        var names = model.Constants.Select(c => c.Name)
            .Concat(model.Functions.Select(f => f.Name))
            .Concat(model.Enums.Select(e => Emitting.Naming.TypeName(e.Name)))
            .Concat(model.Structs.Select(s => Emitting.Naming.TypeName(s.Name)));
        foreach (var twice in names.GroupBy(n => n, StringComparer.Ordinal).Where(g => g.Count() > 1))
            yield return new HeaderError(new SourceLocation(headerPath, 1, 1), $"two declarations become '{twice.Key}' in C#");
        foreach (var type in model.Structs)
        {
            foreach (var twice in type.Fields.GroupBy(f => Emitting.Naming.FieldName(f.Name), StringComparer.Ordinal).Where(g => g.Count() > 1))
                yield return new HeaderError(twice.Last().Location, $"two fields of '{type.Name}' become '{twice.Key}' in C#");
        }
    }

    private static int LastEnd(StructModel type) => type.Fields is [.., var last] ? last.Offset + last.Size : 0;

    private static int Align(int offset, int alignment) => (offset + alignment - 1) / alignment * alignment;
}
