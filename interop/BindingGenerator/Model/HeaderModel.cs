using System.Collections.Immutable;

namespace TunFlow.BindingGenerator.Model;

/// <summary>
/// What a header declares, in the order of the header. The emitters see nothing else, so any parser that fills it in
/// leads to the same output.
/// </summary>
internal sealed record HeaderModel(
    ImmutableArray<ConstantModel> Constants,
    ImmutableArray<EnumModel> Enums,
    ImmutableArray<StructModel> Structs,
    ImmutableArray<FunctionModel> Functions);
