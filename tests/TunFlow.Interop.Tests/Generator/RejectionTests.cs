using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Generator;

/// <summary>What has no exact binding is refused, with the place and the reason.</summary>
[TestFixture]
internal sealed class RejectionTests
{
    // Line and column count in the fixture text, which follows the prelude.
    [TestCase("typedef struct tf_a {\n  uint32_t low : 4;\n} tf_a;", 2, 12, "bit-fields", TestName = "Bit_field")]
    [TestCase("typedef struct tf_a {\n  uint8_t grid[2][3];\n} tf_a;", 2, 11, "array of arrays", TestName = "Two_dimensional_array")]
    [TestCase("typedef struct tf_a {\n  void *rows[4];\n} tf_a;", 2, 9, "array of pointers", TestName = "Array_of_pointers")]
    [TestCase("typedef struct tf_a {\n  struct {\n    int32_t x;\n  };\n} tf_a;", 2, 3, "anonymous", TestName = "Anonymous_struct_member")]
    [TestCase("typedef struct tf_a {\n  union {\n    int32_t x;\n    float y;\n  } u;\n} tf_a;", 2, 3, "anonymous", TestName = "Anonymous_union_type")]
    [TestCase("typedef struct tf_a {\n  struct tf_b { int32_t x; } b;\n} tf_a;", 2, 10, "declare it outside", TestName = "Nested_struct")]
    [TestCase("typedef union tf_a {\n  int32_t x;\n  float y;\n} tf_a;", 1, 15, "unions", TestName = "Union")]
    [TestCase("typedef struct tf_a {\n  uint32_t n;\n  uint8_t data[];\n} tf_a;", 3, 11, "flexible array", TestName = "Flexible_array")]
    [TestCase("typedef struct tf_a {\n  long n;\n} tf_a;", 2, 8, "'long' has 4 bytes on Windows", TestName = "Long_field")]
    [TestCase("TF_API unsigned long tf_f(void);", 1, 22, "'long' has 4 bytes on Windows", TestName = "Long_result")]
    [TestCase("typedef long tf_word;\nTF_API void tf_f(tf_word x);", 2, 26, "'long' has 4 bytes on Windows", TestName = "Long_behind_a_typedef")]
    [TestCase("TF_API void tf_f(long double x);", 1, 30, "long double", TestName = "Long_double")]
    [TestCase("TF_API void tf_f(__int128 x);", 1, 27, "__int128", TestName = "Int128")]
    [TestCase("TF_API void tf_f(const char *format, ...);", 1, 13, "variadic", TestName = "Variadic_function")]
    [TestCase("typedef __builtin_va_list va_list;\nTF_API void tf_f(va_list list);", 2, 26, "va_list", TestName = "Va_list")]
    [TestCase("typedef int wchar_t;\nTF_API void tf_f(const wchar_t *text);", 2, 33, "wchar_t", TestName = "Wide_characters")]
    [TestCase("static inline int32_t tf_f(int32_t x) { return x; }", 1, 23, "static or inline", TestName = "Static_inline_function")]
    [TestCase("int32_t tf_f(int32_t x);", 1, 9, "not exported", TestName = "Function_without_export")]
    [TestCase("TF_API int32_t other_f(int32_t x);", 1, 16, "does not start with 'tf_'", TestName = "Function_of_another_prefix")]
    [TestCase("TF_API int32_t tf_f();", 1, 16, "no prototype", TestName = "Function_without_prototype")]
    [TestCase("TF_API int32_t tf_f(int32_t);", 1, 28, "has no name", TestName = "Parameter_without_name")]
    [TestCase("TF_API void tf_f(uint8_t data[4]);", 1, 26, "pointer in C", TestName = "Array_parameter")]
    [TestCase("TF_API extern int32_t tf_counter;", 1, 23, "variables", TestName = "Variable")]
    [TestCase("#define TF_MIN(a, b) ((a) < (b) ? (a) : (b))", 1, 9, "function-like", TestName = "Function_like_macro")]
    [TestCase("#define TF_SUM (1 + 2)", 1, 9, "one integer or string literal", TestName = "Macro_expression")]
    [TestCase("#define TF_SIZE 5L", 1, 9, "'long' has 4 bytes on Windows", TestName = "Long_macro")]
    [TestCase("#define TF_MODE 0755", 1, 9, "octal", TestName = "Octal_macro")]
    [TestCase("#define TF_RATE 0.5", 1, 9, "not an integer literal", TestName = "Floating_macro")]
    [TestCase("#define TF_TEXT \"a\\n\"", 1, 9, "printable ASCII", TestName = "Macro_with_escape")]
    [TestCase("#pragma pack(push, 1)\ntypedef struct tf_a {\n  uint8_t a;\n  uint32_t b;\n} tf_a;\n#pragma pack(pop)", 4, 12, "natural 4", TestName = "Packed_by_pragma")]
    [TestCase("typedef struct __attribute__((packed)) tf_a {\n  uint8_t a;\n  uint32_t b;\n} tf_a;", 1, 31, "attribute", TestName = "Packed_by_attribute")]
    [TestCase("typedef struct tf_a {\n  uint8_t a __attribute__((aligned(16)));\n} tf_a;", 2, 11, "alignment", TestName = "Aligned_field")]
    [TestCase("typedef struct tf_a {\n  void (__attribute__((ms_abi)) *call)(int32_t x);\n} tf_a;", 2, 34, "calling convention", TestName = "Foreign_calling_convention_of_a_pointer")]
    [TestCase("TF_API __attribute__((ms_abi)) int32_t tf_f(int32_t x);", 1, 40, "calling convention", TestName = "Foreign_calling_convention_of_a_function")]
    [TestCase("typedef struct tf_a {\n  int32_t (*print)(const char *format, ...);\n} tf_a;", 2, 13, "variadic", TestName = "Variadic_function_pointer")]
    [TestCase("typedef struct tf_a {\n  int32_t (*call)();\n} tf_a;", 2, 13, "without a prototype", TestName = "Function_pointer_without_prototype")]
    [TestCase("typedef struct other { int32_t x; } other;", 1, 16, "does not start with 'tf_'", TestName = "Struct_of_another_prefix")]
    [TestCase("typedef enum other { OTHER_A } other;", 1, 14, "does not start with 'tf_'", TestName = "Enum_of_another_prefix")]
    [TestCase("typedef enum { TF_A, TF_B } tf_e;\nenum { TF_C };", 2, 1, "does not start with 'tf_'", TestName = "Enum_without_a_name")]
    [TestCase("typedef struct tf_a tf_a;\nTF_API void tf_f(tf_a a);", 2, 23, "only be pointed to", TestName = "Opaque_struct_by_value")]
    [TestCase("typedef struct tf_a tf_a;\ntypedef struct tf_b {\n  tf_a (*make)(void);\n} tf_b;", 3, 10, "only be pointed to", TestName = "Opaque_struct_from_a_function_pointer")]
    [TestCase("typedef enum tf_e { TF_LOW = -1, TF_HIGH = 0x80000000 } tf_e;", 1, 14, "'long' has 4 bytes on Windows", TestName = "Enum_wider_than_int")]
    [TestCase("typedef struct tf_a {} tf_a;", 1, 16, "no members", TestName = "Empty_struct")]
    [TestCase("typedef struct tf_a {\n  int32_t a_b;\n  int32_t a__b;\n} tf_a;", 3, 11, "become 'AB'", TestName = "Colliding_field_names")]
    public void Is_rejected_with_place_and_reason(string text, int line, int column, string reason)
    {
        var errors = HeaderText.Errors(text + "\n");

        var error = errors[0];
        Assert.Multiple(() =>
        {
            Assert.That(error.Message, Does.Contain(reason));
            Assert.That(error.Location.Line, Is.EqualTo(line + HeaderText.PreludeLines), error.ToString());
            Assert.That(error.Location.Column, Is.EqualTo(column), error.ToString());
            Assert.That(error.ToString(), Does.Match(@"tf_test\.h:\d+:\d+: error: "));
        });
    }

    [Test]
    public void Every_problem_of_a_header_is_reported_in_source_order()
    {
        var errors = HeaderText.Errors("TF_API long tf_a(void);\nunion tf_u { int x; };\nTF_API void tf_b(long x);\n");

        Assert.That(errors.Select(e => e.Location.Line - HeaderText.PreludeLines), Is.EqualTo(new[] { 1, 2, 3 }));
    }

    [Test]
    public void A_header_that_does_not_compile_is_reported_at_its_place()
    {
        var errors = HeaderText.Errors("TF_API void tf_a(tf_missing *x);\n");

        Assert.That(errors[0].Location.Line, Is.EqualTo(1 + HeaderText.PreludeLines));
        Assert.That(errors[0].Message, Does.Contain("tf_missing"));
    }

    [Test]
    public void A_struct_of_another_header_is_rejected_where_it_is_used()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("tf_other.h", "typedef struct tf_other { int x; } tf_other;\n");
        var header = directory.Write("tf_test.h", HeaderText.Complete("#include \"tf_other.h\"\nTF_API void tf_a(tf_other *other);\n"));

        var parser = new TunFlow.BindingGenerator.LibClang.LibClangHeaderParser(TunFlow.BindingGenerator.GeneratorOptions.Default);
        var errors = Assert.Throws<TunFlow.BindingGenerator.Model.HeaderException>(() => parser.Parse(header))!.Errors;

        Assert.That(errors, Has.Count.EqualTo(1));
        Assert.That(errors[0].Message, Does.Contain("outside of this header"));
    }
}
