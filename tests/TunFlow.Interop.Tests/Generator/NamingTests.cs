using TunFlow.BindingGenerator.Emitting;

namespace TunFlow.Interop.Tests.Generator;

[TestFixture]
internal sealed class NamingTests
{
    [TestCase("tf_flow_details", "TfFlowDetails")]
    [TestCase("tf_gso", "TfGso")]
    [TestCase("tf_IPv6_name", "TfIPv6Name")]
    public void Types_are_pascal_case(string cName, string expected) =>
        Assert.That(Naming.TypeName(cName), Is.EqualTo(expected));

    [TestCase("stack_id", "stackId")]
    [TestCase("event", "@event")]
    public void Parameters_are_camel_case_and_escaped(string cName, string expected) =>
        Assert.That(Naming.ParameterName(cName), Is.EqualTo(expected));

    [TestCase("TF_EVENT_", "TF_EVENT_CONNECT", "TF_EVENT_CLOSED")]
    [TestCase("TF_", "TF_OK", "TF_E_STALE")]
    [TestCase("TF_", "TF_ONLY")]
    [TestCase("TF_A_", "TF_A_X", "TF_A_XY")]
    [TestCase("", "A", "B")]
    public void The_common_prefix_ends_at_a_word_and_leaves_every_name_something(string expected, params string[] names) =>
        Assert.That(Naming.CommonPrefix(names), Is.EqualTo(expected));

    [Test]
    public void A_member_never_starts_with_a_digit() =>
        Assert.That(Naming.MemberName("TF_GSO_4", "TF_GSO_"), Is.EqualTo("_4"));
}
