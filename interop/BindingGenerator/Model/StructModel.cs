using System.Collections.Immutable;

namespace TunFlow.BindingGenerator.Model;

/// <summary>A struct as the C compiler laid it out; an opaque one has no fields and size 0. Sizes are in bytes.</summary>
internal sealed record StructModel(
    string Name,
    int Size,
    int Alignment,
    ImmutableArray<FieldModel> Fields,
    string? Comment,
    SourceLocation Location)
{
    public bool IsOpaque => Size == 0;
}
