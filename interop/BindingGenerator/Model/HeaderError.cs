namespace TunFlow.BindingGenerator.Model;

/// <summary>One thing in a header that can not become a binding, and why.</summary>
internal sealed record HeaderError(SourceLocation Location, string Message)
{
    /// <summary>The form compilers use, so that editors can jump to it.</summary>
    public override string ToString() => $"{Location}: error: {Message}";
}
