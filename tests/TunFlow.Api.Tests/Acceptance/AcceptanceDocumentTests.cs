using System.Text;
using TunFlow.Api.Tests.Support;

namespace TunFlow.Api.Tests.Acceptance;

/// <summary>docs/acceptance.md is what the tags say.</summary>
[TestFixture]
public sealed class AcceptanceDocumentTests
{
    // `./build.sh api` sets it: the file is then written instead of compared.
    private const string Update = "TUNFLOW_UPDATE_API";

    [Test]
    public void The_index_is_what_the_tests_say()
    {
        string file = Repository.PathTo(AcceptanceDocument.File);
        string now = AcceptanceDocument.Write(TagScan.OfRepository().Tests);
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(file, now, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            TestContext.Out.WriteLine($"wrote {file}");
        }

        string committed = File.Exists(file) ? File.ReadAllText(file) : string.Empty;
        string difference = LineDifference.Describe(committed, now);

        Assert.That(difference, Is.Empty,
            $"""
            {AcceptanceDocument.File} is not what the tags of the tests say (-: there, +: the tags).
            Run `./build.sh api` and commit the result.

            {difference}
            """);
    }
}
