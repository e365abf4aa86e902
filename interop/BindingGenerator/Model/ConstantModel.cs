namespace TunFlow.BindingGenerator.Model;

/// <summary>
/// A macro with a literal value: <see cref="Value"/> is an <see cref="int"/>, <see cref="uint"/>, <see cref="long"/>,
/// <see cref="ulong"/> or <see cref="string"/>, typed as C types the literal.
/// </summary>
internal sealed record ConstantModel(string Name, object Value, string? Comment);
