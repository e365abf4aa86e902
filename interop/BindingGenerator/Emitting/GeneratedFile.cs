namespace TunFlow.BindingGenerator.Emitting;

/// <summary>A file to be written or compared.</summary>
internal sealed record GeneratedFile(string Path, string Content);
