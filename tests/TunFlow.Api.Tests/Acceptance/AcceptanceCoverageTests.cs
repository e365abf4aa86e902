namespace TunFlow.Api.Tests.Acceptance;

/// <summary>Everything that has to be shown is shown by a test that runs.</summary>
[TestFixture]
public sealed class AcceptanceCoverageTests
{
    private static readonly TagScan s_scan = TagScan.OfRepository();

    [Test]
    public void Each_has_a_test_in_every_run()
    {
        HashSet<(PromiseKind, int)> shown = [.. s_scan.Tests.Where(static test => test.RunsAlways).Select(static test => (test.Kind, test.Number))];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Missing(Weaknesses.All, PromiseKind.Weakness), Is.Empty, "weaknesses");
            Assert.That(Missing(Rows.All, PromiseKind.Row), Is.Empty, "rows");
        }

        string Missing(IEnumerable<Promise> promises, PromiseKind kind) =>
            string.Join(", ", promises.Where(one => one.IsRequired && !shown.Contains((kind, one.Number))).Select(static one => one.Number));
    }

    [Test]
    public void Every_tag_stands_over_a_test() => Assert.That(s_scan.Stray, Is.Empty);

    [Test]
    public void Every_tag_has_a_known_number()
    {
        HashSet<(PromiseKind, int)> known = [.. Weaknesses.All.Select(static one => (PromiseKind.Weakness, one.Number)), .. Rows.All.Select(static one => (PromiseKind.Row, one.Number))];

        Assert.That(s_scan.Tests.Where(test => !known.Contains((test.Kind, test.Number))), Is.Empty);
    }

    [Test]
    public void What_has_to_be_shown_is_complete_and_in_order()
    {
        int[] rows = [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 35, 36, 37, 47];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Weaknesses.All.Select(static weakness => weakness.Number), Is.EqualTo(Enumerable.Range(1, 31)));
            Assert.That(Rows.All.Where(static row => row.IsRequired).Select(static row => row.Number), Is.EqualTo(rows));
            Assert.That(Rows.All.Select(static row => row.Number), Is.Ordered.And.Unique);
            Assert.That(Weaknesses.All.Concat(Rows.All).SelectMany(static promise => new[] { promise.Trouble, promise.Answer }), Has.None.Contains("|").And.None.Empty);
        }
    }
}
