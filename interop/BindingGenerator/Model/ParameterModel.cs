namespace TunFlow.BindingGenerator.Model;

internal sealed record ParameterModel(string Name, TypeModel Type);
