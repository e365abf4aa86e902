namespace TunFlow.BindingGenerator.Model;

/// <summary>A field; offset, size and alignment are in bytes.</summary>
internal sealed record FieldModel(
    string Name,
    TypeModel Type,
    int Offset,
    int Size,
    int Alignment,
    string? Comment,
    SourceLocation Location);
