namespace TunFlow.BindingGenerator.Model;

/// <summary>A place in a header; lines and columns count from 1.</summary>
internal readonly record struct SourceLocation(string File, int Line, int Column)
{
    public override string ToString() => $"{File}:{Line}:{Column}";
}
