using System.Collections.Immutable;

namespace TunFlow.BindingGenerator.Model;

/// <summary>An enum with the integer type that the C compiler chose for it.</summary>
internal sealed record EnumModel(string Name, PrimitiveKind Underlying, ImmutableArray<EnumMemberModel> Members, string? Comment);
