using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;

namespace TunFlow.BindingGenerator.CppSharpParser;

/// <summary>
/// Sizes and alignments of field types, in bytes. CppSharp knows the layout of structs but not the sizes of their fields;
/// <see cref="ModelRules"/> then compares what follows from these with CppSharp's offsets.
/// </summary>
internal sealed class TypeSizes(int pointerSize)
{
    private readonly Dictionary<string, (int Size, int Alignment)> _named = new(StringComparer.Ordinal);

    public void Add(EnumModel type)
    {
        var size = OfPrimitive(type.Underlying);
        _named[type.Name] = (size, size);
    }

    public void Add(StructModel type) => _named[type.Name] = (type.Size, type.Alignment);

    /// <exception cref="UnmappableException">The type has no size here.</exception>
    public (int Size, int Alignment) Of(TypeModel type)
    {
        switch (type)
        {
            case PrimitiveType primitive:
                var size = OfPrimitive(primitive.Kind);
                return (size, size);
            case PointerType or FunctionPointerType:
                return (pointerSize, pointerSize);
            case ArrayType array:
                var element = Of(array.Element);
                return (element.Size * array.Length, element.Alignment);
            case EnumType { Name: var name }:
                return Named(name);
            case StructType { Name: var name }:
                return Named(name);
            default:
                throw new UnmappableException($"the size of {type} is not known");
        }
    }

    private (int Size, int Alignment) Named(string name) =>
        _named.TryGetValue(name, out var size) ? size : throw new UnmappableException($"the size of '{name}' is not known");

    private int OfPrimitive(PrimitiveKind kind) => kind switch
    {
        PrimitiveKind.Bool or PrimitiveKind.Char or PrimitiveKind.Int8 or PrimitiveKind.UInt8 => 1,
        PrimitiveKind.Int16 or PrimitiveKind.UInt16 => 2,
        PrimitiveKind.Int32 or PrimitiveKind.UInt32 or PrimitiveKind.Float => 4,
        PrimitiveKind.Int64 or PrimitiveKind.UInt64 or PrimitiveKind.Double => 8,
        PrimitiveKind.IntPtr or PrimitiveKind.UIntPtr => pointerSize,
        _ => throw new UnmappableException($"{kind} has no size"),
    };
}
