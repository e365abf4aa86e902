namespace TunFlow.Interop.Tests.Loading;

[TestFixture]
internal sealed class AbiHandshakeTests
{
    private static readonly NativeLayoutEntry[] Table = [new("tf_a", 8, 0), new("tf_a.x", 4, 0), new("tf_a.y", 4, 4)];

    [Test]
    public void Equal_tables_match_in_any_order() =>
        Assert.That(AbiHandshake.Compare(Table, [.. Table.Reverse()]), Is.Null);

    [Test]
    public void A_moved_field_is_named_with_both_places() =>
        Assert.That(
            AbiHandshake.Compare(Table, [Table[0], Table[1], new("tf_a.y", 4, 8)]),
            Does.Contain("tf_a.y has size 4 at offset 8 in the library, size 4 at offset 4 here"));

    [Test]
    public void A_field_that_only_this_side_knows_is_named() =>
        Assert.That(AbiHandshake.Compare(Table, Table[..2]), Is.EqualTo("tf_a.y is missing in the library"));

    [Test]
    public void A_field_that_only_the_library_knows_is_named() =>
        Assert.That(AbiHandshake.Compare(Table[..2], Table), Is.EqualTo("tf_a.y is unknown here"));

    [Test]
    public void A_field_listed_twice_is_named() =>
        Assert.That(AbiHandshake.Compare(Table, [.. Table, Table[1]]), Is.EqualTo("tf_a.x is listed twice"));

    [Test]
    public void The_measured_layout_lists_every_struct_once()
    {
        var names = NativeLayout.Measure().Select(e => e.Name).ToList();

        Assert.That(names, Is.Unique);
        Assert.That(names, Does.Contain("tf_event.id").And.Contain("tf_stats.drops"));
    }
}
