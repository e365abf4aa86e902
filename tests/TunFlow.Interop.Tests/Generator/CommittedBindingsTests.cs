using System.Globalization;
using TunFlow.BindingGenerator;
using TunFlow.BindingGenerator.LibClang;
using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Generator;

/// <summary>The bindings in the repository are those of the header in the repository.</summary>
[TestFixture]
internal sealed class CommittedBindingsTests
{
    [Test]
    public void The_generator_would_write_exactly_what_is_committed()
    {
        using var output = new StringWriter();

        var exitCode = GeneratorCommand.Run(
            [Repository.Header, Repository.Bindings, "--check"], options => new LibClangHeaderParser(options), output, output);

        Assert.That(exitCode, Is.Zero, output.ToString());
    }

    [Test]
    public void The_C_compiler_and_this_runtime_lay_out_every_struct_alike()
    {
        using var directory = new TemporaryDirectory();
        var source = directory.Write(
            "layout.c",
            $$"""
            #include <stddef.h>
            #include <stdio.h>
            #include "{{Repository.Header}}"
            static const tf_layout_entry table[] = {
            #include "{{Repository.LayoutTable}}"
            };
            int main(void) {
                for (size_t i = 0; i < sizeof table / sizeof *table; i++)
                    printf("%s %u %u\n", table[i].name, table[i].size, table[i].offset);
                return 0;
            }
            """);
        CCompiler.Executable(source, directory["layout"]);

        var (exitCode, output) = ProcessRunner.Run(TimeSpan.FromSeconds(10), null, directory["layout"]);
        var native = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' '))
            .Select(words => new NativeLayoutEntry(
                words[0], uint.Parse(words[1], CultureInfo.InvariantCulture), uint.Parse(words[2], CultureInfo.InvariantCulture)))
            .ToList();

        Assert.That(exitCode, Is.Zero);
        Assert.That(native, Has.Count.GreaterThan(50), "the table covers the header");
        Assert.That(native, Is.EqualTo(NativeLayout.Measure()));
        Assert.That(AbiHandshake.Compare(NativeLayout.Measure(), native), Is.Null);
    }

    [Test]
    public void Nothing_of_the_interop_assembly_is_public() =>
        Assert.That(typeof(NativeMethods).Assembly.GetExportedTypes(), Is.Empty);
}
