using TunFlow.BindingGenerator.Model;
using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Generator;

[TestFixture]
internal sealed class ModelTests
{
    [TestCase("1", 1)]
    [TestCase("(-5)", -5)]
    [TestCase("0xFFFFFFFF", 0xFFFFFFFFu)]
    [TestCase("7u", 7u)]
    [TestCase("4294967296", 4294967296L)]
    [TestCase("5ll", 5L)]
    [TestCase("0xFFFFFFFFFFFFFFFFull", ulong.MaxValue)]
    [TestCase("\"say \\\"hi\\\"\"", "say \"hi\"")]
    public void A_macro_has_the_value_and_type_that_C_gives_it(string text, object expected)
    {
        var constant = HeaderText.Parse($"#define TF_VALUE {text}\n").Constants.Single();

        Assert.That(constant.Value, Is.EqualTo(expected).And.TypeOf(expected.GetType()));
    }

    [Test]
    public void Macros_of_others_and_empty_ones_are_left_out()
    {
        var model = HeaderText.Parse("#define OTHER_SUM (1 + 2)\n#define TF_GUARD_H\n#define TF_ONE 1\n");

        Assert.That(model.Constants.Select(c => c.Name), Is.EqualTo(new[] { "TF_ONE" }));
    }

    [Test]
    public void An_enum_has_the_integer_type_of_the_C_compiler()
    {
        var model = HeaderText.Parse(
            "typedef enum tf_signed { TF_S_A = -1 } tf_signed;\ntypedef enum tf_unsigned { TF_U_A = 1, TF_U_B = 0x80000000 } tf_unsigned;\n");

        Assert.That(model.Enums.Select(e => e.Underlying), Is.EqualTo(new[] { PrimitiveKind.Int32, PrimitiveKind.UInt32 }));
        Assert.That(model.Enums[1].Members[1].Value, Is.EqualTo((Int128)0x80000000));
    }

    [Test]
    public void A_struct_has_the_layout_of_the_C_compiler()
    {
        var type = HeaderText.Parse(
            "typedef struct tf_a {\n  uint8_t a;\n  uint64_t b;\n  uint16_t c[3];\n  void *d;\n} tf_a;\n").Structs.Single();

        Assert.Multiple(() =>
        {
            Assert.That((type.Size, type.Alignment), Is.EqualTo((32, 8)));
            Assert.That(type.Fields.Select(f => f.Offset), Is.EqualTo(new[] { 0, 8, 16, 24 }));
            Assert.That(type.Fields.Select(f => f.Size), Is.EqualTo(new[] { 1, 8, 6, 8 }));
        });
    }

    [Test]
    public void A_struct_without_a_tag_is_named_by_its_typedef()
    {
        var model = HeaderText.Parse("typedef struct { int32_t x; } tf_a;\nTF_API void tf_f(const tf_a *a);\n");

        Assert.That(model.Structs.Single().Name, Is.EqualTo("tf_a"));
        Assert.That(model.Functions.Single().Parameters.Single().Type, Is.EqualTo(new PointerType(new StructType("tf_a", false), true)));
    }

    [Test]
    public void A_struct_that_is_never_defined_is_opaque()
    {
        var model = HeaderText.Parse("typedef struct tf_a tf_a;\nTF_API tf_a *tf_f(void);\n");

        Assert.That(model.Structs.Single().IsOpaque);
        Assert.That(model.Functions.Single().Result, Is.EqualTo(new PointerType(new StructType("tf_a", true), false)));
    }

    [Test]
    public void A_forward_declared_struct_is_the_one_defined_later()
    {
        var model = HeaderText.Parse("typedef struct tf_a tf_a;\nstruct tf_a { tf_a *next; };\n");

        Assert.That(model.Structs.Single().IsOpaque, Is.False);
        Assert.That(model.Structs.Single().Size, Is.EqualTo(8));
    }

    [Test]
    public void Fixed_width_types_behind_typedefs_keep_their_width()
    {
        var function = HeaderText.Parse("typedef uint64_t tf_id;\nTF_API int8_t tf_f(tf_id id, uintptr_t p, _Bool b);\n").Functions.Single();

        Assert.That(function.Parameters.Select(p => ((PrimitiveType)p.Type).Kind),
            Is.EqualTo(new[] { PrimitiveKind.UInt64, PrimitiveKind.UIntPtr, PrimitiveKind.Bool }));
    }

    [Test]
    public void A_function_pointer_is_mapped_with_its_signature()
    {
        var field = HeaderText.Parse(
            "typedef uint64_t (*tf_callback)(void *state, uint64_t id);\ntypedef struct tf_a { tf_callback callback; } tf_a;\n")
            .Structs.Single().Fields.Single();

        var pointer = (FunctionPointerType)field.Type;
        Assert.That(pointer.Result, Is.EqualTo(new PrimitiveType(PrimitiveKind.UInt64)));
        Assert.That(pointer.Parameters, Is.EqualTo(new TypeModel[]
        {
            new PointerType(new PrimitiveType(PrimitiveKind.Void), false), new PrimitiveType(PrimitiveKind.UInt64),
        }));
    }
}
