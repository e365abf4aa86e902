namespace TunFlow.Api.Tests.Acceptance;

/// <summary>The scan that the index rests on.</summary>
[TestFixture]
internal sealed class TagScanTests
{
    [Test]
    public void Attributes_of_methods_and_classes_are_found()
    {
        TagScan scan = new();

        scan.ReadCSharp("a.cs", Source(
            "[TestFixture]", "[Weakness(1)]", "internal sealed class First : Fixture", "{",
            "    [Test]", "    [Weakness(2)]", "    // why", "    [AcceptanceRow(30)]", "    public async Task One_holds()", "    {", "    }", "",
            "    [TestCase(1), Weakness(3)]", "    public void Two_holds(int x) => Use(x);", "",
            "    [Test] [Weakness(5)] public void Three_holds()", "}",
            "internal abstract partial class Second<T>", "{",
            "    [Test, AcceptanceRow(4)]", "    public Task Four_holds() =>", "}"));

        Assert.That(scan.Stray, Is.Empty);
        Assert.That(scan.Tests, Is.EqualTo(new TaggedTest[]
        {
            new(PromiseKind.Weakness, 1, "a.cs", "First", null, true),
            new(PromiseKind.Weakness, 2, "a.cs", "First", "One_holds", true),
            new(PromiseKind.Row, 30, "a.cs", "First", "One_holds", true),
            new(PromiseKind.Weakness, 3, "a.cs", "First", "Two_holds", true),
            new(PromiseKind.Weakness, 5, "a.cs", "First", "Three_holds", true),
            new(PromiseKind.Row, 4, "a.cs", "Second", "Four_holds", true),
        }));
    }

    [Test]
    public void What_runs_on_request_only_is_marked()
    {
        TagScan scan = new();

        scan.ReadCSharp("a.cs", Source(
            "[Explicit(\"a reason\")]", "public class First", "{", "    [Test, Weakness(1)]", "    public void One()", "}",
            "public class Second", "{", "    [Test]", "    [Weakness(2), Ignore(\"a reason\")]", "    public void Two()", "",
            "    [Test]", "    [Weakness(3)]", "    public void Three()", "}"));

        Assert.That(scan.Tests.Select(static test => (test.Name, test.RunsAlways)), Is.EqualTo(new[] { ("One", false), ("Two", false), ("Three", true) }));
    }

    [Test]
    public void A_tag_over_something_that_is_no_test_is_told()
    {
        TagScan scan = new();

        scan.ReadCSharp("a.cs", Source("class First", "{", "    [Weakness(1)]", "    private void Helper()", "    [Test, Weakness(2)]"));

        Assert.That(scan.Tests, Is.Empty);
        Assert.That(scan.Stray, Is.EqualTo(new[] { "a.cs:3", "a.cs:5" }));
    }

    [Test]
    public void Comments_in_C_belong_to_the_test_directly_below()
    {
        TagScan scan = new();

        scan.ReadC("native/tests/a.c", Source(
            "/* Weakness W26 */", "/* Acceptance row 6 */", "TEST(one_holds)", "{", "}",
            "/* Acceptance row 7 */", "", "TEST(two_holds)", "/* Shows weakness W4. */", "TEST(three_holds)",
            "/* Acceptance row 5 */", "int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)"));

        Assert.That(scan.Tests, Is.EqualTo(new TaggedTest[]
        {
            new(PromiseKind.Weakness, 26, "native/tests/a.c", "a.c", "one_holds", true),
            new(PromiseKind.Row, 6, "native/tests/a.c", "a.c", "one_holds", true),
            new(PromiseKind.Row, 5, "native/tests/a.c", "a.c", "LLVMFuzzerTestOneInput", true),
        }));
        Assert.That(scan.Stray, Is.EqualTo(new[] { "native/tests/a.c:6", "native/tests/a.c:9" }));
    }

    private static string Source(params string[] lines) => string.Join('\n', lines);
}
