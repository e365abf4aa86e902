namespace TunFlow.BindingGenerator.Parsing;

/// <summary>A type without an exact C# counterpart; a parser turns it into an error at the declaration that uses the type.</summary>
internal sealed class UnmappableException(string message) : Exception(message);
