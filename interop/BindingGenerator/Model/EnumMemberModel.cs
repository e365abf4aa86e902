namespace TunFlow.BindingGenerator.Model;

internal sealed record EnumMemberModel(string Name, Int128 Value, string? Comment);
