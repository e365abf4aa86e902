using System.Text;
using TunFlow.BindingGenerator.Model;

namespace TunFlow.BindingGenerator.Emitting;

/// <summary>Writes the C half of the layout check: an initializer list that the C compiler fills with its own numbers.</summary>
internal static class LayoutHeaderEmitter
{
    public const string FileName = "tf_layout.g.h";

    public static string Emit(HeaderModel model, string headerName)
    {
        var text = new StringBuilder();
        text.Append($"/* Made by interop/BindingGenerator from {headerName}; do not edit.\n");
        text.Append(" * The elements of a tf_layout_entry array. Needs <stddef.h> and the header itself. */\n");
        foreach (var type in model.Structs.Where(s => !s.IsOpaque))
        {
            Entry(text, type.Name, $"sizeof({type.Name})", "0");
            foreach (var field in type.Fields)
                Entry(text, $"{type.Name}.{field.Name}", $"sizeof((({type.Name} *)0)->{field.Name})", $"offsetof({type.Name}, {field.Name})");
        }

        return text.ToString();
    }

    private static void Entry(StringBuilder text, string name, string size, string offset) =>
        text.Append('{').Append($"\"{name}\", (uint32_t){size}, (uint32_t){offset}").Append("},\n");
}
