using System.Collections.Immutable;

namespace TunFlow.BindingGenerator.Model;

/// <summary>A C type that has exactly one C# counterpart.</summary>
internal abstract record TypeModel;

internal sealed record PrimitiveType(PrimitiveKind Kind) : TypeModel;

/// <summary>A struct of the header; <paramref name="IsOpaque"/>: it is never defined and only pointed to.</summary>
internal sealed record StructType(string Name, bool IsOpaque) : TypeModel;

internal sealed record EnumType(string Name) : TypeModel;

internal sealed record PointerType(TypeModel Pointee, bool PointeeIsConst) : TypeModel;

internal sealed record ArrayType(TypeModel Element, int Length) : TypeModel;

/// <summary>A pointer to a function of the platform's C calling convention.</summary>
internal sealed record FunctionPointerType(TypeModel Result, ImmutableArray<TypeModel> Parameters) : TypeModel;
