namespace TunFlow.BindingGenerator.Parsing;

/// <summary>One comment with its frame; <paramref name="IsAlone"/>: nothing precedes it on its first line.</summary>
internal readonly record struct HeaderComment(string Text, int StartLine, int EndLine, bool IsAlone);
