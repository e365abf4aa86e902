using System.Globalization;
using TunFlow.BindingGenerator.Model;

namespace TunFlow.BindingGenerator.Emitting;

internal sealed partial class CSharpEmitter
{
    private string EmitStructs(HeaderModel model)
    {
        var writer = Start("System.Runtime.InteropServices");
        foreach (var type in model.Structs)
        {
            var name = Naming.TypeName(type.Name);
            writer.Line();
            if (type.IsOpaque)
            {
                writer.Summary(type.Comment ?? "Only ever pointed to; its contents belong to the library.", type.Name);
                writer.Open($"internal readonly struct {name}");
                writer.Close();
                continue;
            }

            writer.Summary(type.Comment, $"{type.Name}, {type.Size.ToString(CultureInfo.InvariantCulture)} bytes");
            writer.Line("[StructLayout(LayoutKind.Sequential)]");
            writer.Open($"internal unsafe struct {name}");
            var first = true;
            foreach (var field in type.Fields)
            {
                if (!first)
                    writer.Line();
                first = false;
                writer.Summary(field.Comment);
                writer.Line($"internal {TypeNames.CSharp(field.Type)} {Naming.FieldName(field.Name)};");
            }

            writer.Close();
        }

        return writer.ToString();
    }

    private string EmitInlineArrays(HeaderModel model)
    {
        var writer = Start("System.Runtime.CompilerServices");
        var arrays = model.Structs
            .SelectMany(s => s.Fields)
            .Select(f => f.Type)
            .OfType<ArrayType>()
            .DistinctBy(TypeNames.InlineArray)
            .OrderBy(TypeNames.InlineArray, StringComparer.Ordinal);
        foreach (var array in arrays)
        {
            var length = array.Length.ToString(CultureInfo.InvariantCulture);
            var element = TypeNames.CSharp(array.Element);
            writer.Line();
            writer.Summary($"{length} values of {element} inside a struct; converts to a span.");
            writer.Line($"[InlineArray({length})]");
            writer.Open($"internal struct {TypeNames.InlineArray(array)}");
            writer.Line($"private {element} _first;");
            writer.Close();
        }

        return writer.ToString();
    }

    /// <summary>
    /// The layout is measured in the running process, not written down: what is compared with the C compiler's table is
    /// what this runtime really does.
    /// </summary>
    private string EmitLayout(HeaderModel model)
    {
        var writer = Start("System.Collections.Generic");
        writer.Line();
        writer.Summary("Sizes and offsets of the structs as this runtime lays them out, under the names of the C table.");
        writer.Open("internal static unsafe class NativeLayout");
        writer.Summary("Measures every struct and field, in the order of the header.");
        writer.Open("internal static List<NativeLayoutEntry> Measure()");
        writer.Line("var entries = new List<NativeLayoutEntry>();");
        var index = 0;
        foreach (var type in model.Structs.Where(s => !s.IsOpaque))
        {
            var variable = string.Create(CultureInfo.InvariantCulture, $"s{index++}");
            writer.Line();
            writer.Line($"{Naming.TypeName(type.Name)} {variable} = default;");
            writer.Line($"entries.Add(new(\"{type.Name}\", (uint)sizeof({Naming.TypeName(type.Name)}), 0));");
            foreach (var field in type.Fields)
            {
                var offset = $"(uint)((byte*)&{variable}.{Naming.FieldName(field.Name)} - (byte*)&{variable})";
                writer.Line($"entries.Add(new(\"{type.Name}.{field.Name}\", (uint)sizeof({TypeNames.CSharp(field.Type)}), {offset}));");
            }
        }

        writer.Line();
        writer.Line("return entries;");
        writer.Close();
        writer.Close();
        return writer.ToString();
    }
}
