using System.Collections.Immutable;

namespace TunFlow.BindingGenerator.Model;

internal sealed record FunctionModel(
    string Name,
    TypeModel Result,
    ImmutableArray<ParameterModel> Parameters,
    string? Comment);
