using TunFlow.Api.Tests.Support;

namespace TunFlow.Api.Tests;

/// <summary>The message by which a changed surface is reported.</summary>
[TestFixture]
public sealed class LineDifferenceTests
{
    private const string Before =
        """
        namespace N
        {
            public class A
            {
                public int First { get; }
                public int Second { get; }
            }
            public class B
            {
                public int Third { get; }
            }
        }
        """;

    [Test]
    public void Equal_texts_have_none() => Assert.That(LineDifference.Describe(Before, Before), Is.Empty);

    [Test]
    public void Changed_and_added_lines_are_shown_under_their_types()
    {
        string after = Before.Replace("int Second", "long Second", StringComparison.Ordinal)
            .Replace("public int Third { get; }", "public int Third { get; }\n        public int Fourth { get; }", StringComparison.Ordinal);

        Assert.That(LineDifference.Describe(Before, after).ReplaceLineEndings("\n"), Is.EqualTo(
            """
                  public class A
            -         public int Second { get; }
            +         public long Second { get; }
                  public class B
            +         public int Fourth { get; }

            """.ReplaceLineEndings("\n")));
    }

    [Test]
    public void Lines_beyond_the_limit_are_counted()
    {
        string text = LineDifference.Describe(string.Empty, Before, most: 2).ReplaceLineEndings("\n");

        Assert.That(text, Does.StartWith("- \n+ namespace N\n").And.EndWith("and 11 more lines\n"));
    }
}
