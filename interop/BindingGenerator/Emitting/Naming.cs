using System.Globalization;
using System.Text;

namespace TunFlow.BindingGenerator.Emitting;

/// <summary>C names to C# names. Functions, constants and parameters' meaning stay searchable: functions and constants keep theirs.</summary>
internal static class Naming
{
    private static readonly HashSet<string> Keywords = new(StringComparer.Ordinal)
    {
        "abstract", "as", "base", "bool", "break", "byte", "case", "catch", "char", "checked", "class", "const", "continue",
        "decimal", "default", "delegate", "do", "double", "else", "enum", "event", "explicit", "extern", "false", "finally",
        "fixed", "float", "for", "foreach", "goto", "if", "implicit", "in", "int", "interface", "internal", "is", "lock", "long",
        "namespace", "new", "null", "object", "operator", "out", "override", "params", "private", "protected", "public",
        "readonly", "ref", "return", "sbyte", "sealed", "short", "sizeof", "stackalloc", "static", "string", "struct", "switch",
        "this", "throw", "true", "try", "typeof", "uint", "ulong", "unchecked", "unsafe", "ushort", "using", "virtual", "void",
        "volatile", "while",
    };

    /// <summary>tf_flow_details becomes TfFlowDetails.</summary>
    public static string TypeName(string cName) => Pascal(cName);

    /// <summary>slice_count becomes SliceCount.</summary>
    public static string FieldName(string cName) => Pascal(cName);

    /// <summary>stack_id becomes stackId; keywords are escaped.</summary>
    public static string ParameterName(string cName)
    {
        var pascal = Pascal(cName);
        var name = char.ToLowerInvariant(pascal[0]) + pascal[1..];
        return Keywords.Contains(name) ? "@" + name : name;
    }

    /// <summary>
    /// TF_EVENT_CONNECT of an enum whose members all start with TF_EVENT_ becomes Connect. A member keeps at least one word,
    /// and gets an underscore where it would start with a digit.
    /// </summary>
    public static string MemberName(string cName, string commonPrefix)
    {
        var name = Pascal(cName[commonPrefix.Length..]);
        return char.IsAsciiDigit(name[0]) ? "_" + name : name;
    }

    /// <summary>The longest common run of whole words with which all of <paramref name="names"/> start.</summary>
    public static string CommonPrefix(IReadOnlyList<string> names)
    {
        var prefix = names[0];
        foreach (var name in names)
        {
            var length = 0;
            while (length < prefix.Length && length < name.Length && prefix[length] == name[length])
                length++;
            prefix = prefix[..length];
        }

        // Cut to a word boundary that leaves every name something.
        var cut = prefix.LastIndexOf('_') + 1;
        while (cut > 0 && names.Any(n => n.Length == cut))
            cut = prefix.LastIndexOf('_', Math.Max(cut - 2, 0)) + 1;
        return prefix[..cut];
    }

    private static string Pascal(string cName)
    {
        var result = new StringBuilder();
        foreach (var word in cName.Split('_', StringSplitOptions.RemoveEmptyEntries))
        {
            var isUpper = !word.Any(char.IsAsciiLetterLower);
            var rest = isUpper ? word[1..].ToLowerInvariant() : word[1..];
            result.Append(CultureInfo.InvariantCulture, $"{char.ToUpperInvariant(word[0])}{rest}");
        }

        return result.Length == 0 ? cName : result.ToString();
    }
}
