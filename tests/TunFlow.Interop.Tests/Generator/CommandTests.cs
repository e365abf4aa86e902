using TunFlow.BindingGenerator;
using TunFlow.BindingGenerator.LibClang;
using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Generator;

[TestFixture]
internal sealed class CommandTests
{
    private const string Declarations =
        "/* Limit < all & more. */\n#define TF_LIMIT 4\ntypedef struct tf_a { uint8_t x[4]; } tf_a;\nTF_API int32_t tf_f(const tf_a *in, tf_a *const *out);\n";

    private TemporaryDirectory _directory = null!;
    private string _header = null!;

    [SetUp]
    public void CreateHeader()
    {
        _directory = new TemporaryDirectory();
        _header = _directory.Write("include/tf_test.h", HeaderText.Complete(Declarations));
    }

    [TearDown]
    public void RemoveHeader() => _directory.Dispose();

    [Test]
    public void Writes_the_files_once_and_finds_no_difference_afterwards()
    {
        Assert.That(Run(_header, _directory["out"]).ExitCode, Is.Zero);
        Assert.That(File.Exists(_directory["src/tf_layout.g.h"]));
        var second = Run(_header, _directory["out"]);
        var check = Run(_header, _directory["out"], "--check");

        Assert.Multiple(() =>
        {
            Assert.That(second, Is.EqualTo((0, string.Empty)), "unchanged files are not written again");
            Assert.That(check, Is.EqualTo((0, string.Empty)));
        });
    }

    [Test]
    public void Output_has_line_feeds_only_and_ends_with_one()
    {
        Run(_header, _directory["out"]);

        foreach (var file in Directory.EnumerateFiles(_directory["out"]).Append(_directory["src/tf_layout.g.h"]))
        {
            var text = File.ReadAllText(file);
            Assert.That(text, Does.Not.Contain("\r").And.EndsWith("\n"), file);
            Assert.That(text, Does.Not.Contain(_directory.Path), "output must not depend on where it was made");
        }
    }

    [Test]
    public void Emits_documentation_prototype_and_raw_signature()
    {
        Run(_header, _directory["out"]);

        var functions = File.ReadAllText(_directory["out/NativeMethods.g.cs"]);
        var constants = File.ReadAllText(_directory["out/Constants.g.cs"]);
        Assert.Multiple(() =>
        {
            Assert.That(functions, Does.Contain("internal static partial int tf_f(TfA* @in, TfA** @out);"));
            Assert.That(functions, Does.Contain("<c>int32_t tf_f(const tf_a *in, tf_a *const *out)</c>"));
            Assert.That(constants, Does.Contain("/// <summary>Limit &lt; all &amp; more.</summary>\n    internal const int TF_LIMIT = 4;"));
        });
    }

    [Test]
    public void Check_shows_where_a_file_differs_and_writes_nothing()
    {
        Run(_header, _directory["out"]);
        var path = _directory["out/Constants.g.cs"];
        var edited = File.ReadAllText(path).Replace("TF_LIMIT = 4", "TF_LIMIT = 5", StringComparison.Ordinal);
        File.WriteAllText(path, edited);

        var (exitCode, output) = Run(_header, _directory["out"], "--check");

        Assert.Multiple(() =>
        {
            Assert.That(exitCode, Is.EqualTo(1));
            Assert.That(output, Does.Match(@"Constants\.g\.cs:\d+: 1 lines would become 1"));
            Assert.That(output, Does.Contain("-     internal const int TF_LIMIT = 5;").And.Contain("+     internal const int TF_LIMIT = 4;"));
            Assert.That(output, Does.Contain("1 of 7 generated files differ"));
            Assert.That(File.ReadAllText(path), Is.EqualTo(edited));
        });
    }

    [Test]
    public void Check_names_missing_and_left_over_files_and_a_run_repairs_both()
    {
        Run(_header, _directory["out"]);
        File.Delete(_directory["src/tf_layout.g.h"]);
        _directory.Write("out/Old.g.cs", "// old\n");
        _directory.Write("out/Kept.cs", "// by hand\n");

        var (exitCode, output) = Run(_header, _directory["out"], "--check");
        Run(_header, _directory["out"]);

        Assert.Multiple(() =>
        {
            Assert.That(exitCode, Is.EqualTo(1));
            Assert.That(output, Does.Contain("tf_layout.g.h: missing"));
            Assert.That(output, Does.Contain("Old.g.cs: not generated from this header any more"));
            Assert.That(File.Exists(_directory["out/Old.g.cs"]), Is.False);
            Assert.That(File.Exists(_directory["out/Kept.cs"]));
            Assert.That(Run(_header, _directory["out"], "--check").ExitCode, Is.Zero);
        });
    }

    [Test]
    public void Check_sees_line_endings()
    {
        Run(_header, _directory["out"]);
        var path = _directory["out/Enums.g.cs"];
        File.WriteAllText(path, File.ReadAllText(path).Replace("\n", "\r\n", StringComparison.Ordinal));

        var (exitCode, output) = Run(_header, _directory["out"], "--check");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("(CR)"));
    }

    [Test]
    public void A_header_that_can_not_be_bound_leaves_the_output_alone()
    {
        var bad = _directory.Write("include/bad.h", HeaderText.Complete("union tf_u { int x; };\n"));

        var (exitCode, output) = Run(bad, _directory["out"]);

        Assert.Multiple(() =>
        {
            Assert.That(exitCode, Is.EqualTo(1));
            Assert.That(output, Does.Contain($"{bad}:3:7: error: unions"));
            Assert.That(Directory.Exists(_directory["out"]), Is.False);
        });
    }

    [TestCase]
    [TestCase("one")]
    [TestCase("one", "two", "three")]
    [TestCase("one", "two", "--unknown")]
    [TestCase("/does/not/exist.h", "out")]
    public void Wrong_arguments_exit_with_2(params string[] arguments)
    {
        var (exitCode, output) = Run(arguments);

        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(output, Is.Not.Empty);
    }

    [Test]
    public void A_missing_libclang_names_the_package_to_install()
    {
        var error = Assert.Throws<DllNotFoundException>(() => LibClangLibrary.Open("/does/not/exist/libclang.so"))!;

        Assert.That(error.Message, Does.Contain("libclang1-14").And.Contain("/does/not/exist/libclang.so"));
    }

    private static (int ExitCode, string Output) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        var exitCode = GeneratorCommand.Run(arguments, options => new LibClangHeaderParser(options), output, output);
        return (exitCode, output.ToString());
    }
}
