using TunFlow.BindingGenerator;
using TunFlow.BindingGenerator.LibClang;
using TunFlow.BindingGenerator.Model;

namespace TunFlow.Interop.Tests.Support;

/// <summary>Small headers for the generator, complete with the export macro.</summary>
internal static class HeaderText
{
    /// <summary>Lines that precede a fixture in <see cref="Complete"/>.</summary>
    public const int PreludeLines = 2;

    private const string Prelude =
        "#include <stdint.h>\n#define TF_API __attribute__((visibility(\"default\")))\n";

    public static string Complete(string declarations) => Prelude + declarations;

    public static HeaderModel Parse(string declarations)
    {
        using var directory = new TemporaryDirectory();
        return new LibClangHeaderParser(GeneratorOptions.Default).Parse(directory.Write("tf_test.h", Complete(declarations)));
    }

    /// <summary>The errors of a header that must be rejected.</summary>
    public static IReadOnlyList<HeaderError> Errors(string declarations) =>
        Assert.Throws<HeaderException>(() => Parse(declarations))!.Errors;
}
