using TunFlow.BindingGenerator.Parsing;
using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Generator;

[TestFixture]
internal sealed class CommentTests
{
    [Test]
    public void A_comment_belongs_to_the_declaration_below_it_or_beside_it()
    {
        var model = HeaderText.Parse(
            """
            /* ---- ruler ---- */

            /* Free standing. */

            /* What it is,
             * in two lines. */
            typedef struct tf_a {
              int32_t first;  /* beside first */
              int32_t second; /* beside second,
                                 continued */
              int32_t third;
              // Above fourth.
              int32_t fourth;
            } tf_a;
            /* A limit. */
            #define TF_LIMIT 4
            #define TF_OTHER 5 /* beside other */

            TF_API void tf_f(void);

            """);

        var type = model.Structs.Single();
        Assert.Multiple(() =>
        {
            Assert.That(type.Comment, Is.EqualTo("What it is,\nin two lines."));
            Assert.That(type.Fields.Select(f => f.Comment),
                Is.EqualTo(new[] { "beside first", "beside second,\ncontinued", null, "Above fourth." }));
            Assert.That(model.Constants.Select(c => c.Comment), Is.EqualTo(new[] { "A limit.", "beside other" }));
            Assert.That(model.Functions.Single().Comment, Is.Null);
        });
    }

    [Test]
    public void Comment_marks_inside_literals_are_no_comments()
    {
        var comments = CommentScanner.Scan("a = \"/* no */\"; b = '\"'; /* yes */ c = \"// no\\\"\"; // end").Select(c => c.Text);

        Assert.That(comments, Is.EqualTo(new[] { "/* yes */", "// end" }));
    }

    [TestCase("/* never closed")]
    [TestCase("'")]
    [TestCase("\"\\")]
    [TestCase("/")]
    public void Broken_text_ends_the_scan(string text) =>
        Assert.That(() => CommentScanner.Scan(text).Count(), Throws.Nothing);
}
