using TunFlow.BindingGenerator;
using TunFlow.BindingGenerator.Emitting;
using TunFlow.BindingGenerator.LibClang;
using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Generator;

/// <summary>
/// Everything that can be mapped, once through: the header is bound, the C side compiled by the C compiler, the C# side by the
/// SDK, and the program calls across and back.
/// </summary>
[TestFixture]
internal sealed class GeneratedProgramTests
{
    private const string Header =
        """
        #include <stdint.h>
        #define TF_API __attribute__((visibility("default")))
        #define TF_TEXT "hello \"world\""
        #define TF_BIG 0xFFFFFFFFFFFFFFFFull
        #define TF_NEGATIVE (-3)
        typedef enum tf_color { TF_COLOR_RED = 1, TF_COLOR_4 = 0x80000000 } tf_color;
        typedef enum tf_result { TF_OK = 0, TF_E_BAD = -7 } tf_result;
        typedef enum tf_bit_flags { TF_BIT_A = 1, TF_BIT_B = 2 } tf_bit_flags;
        typedef struct tf_layout_entry { const char *name; uint32_t size; uint32_t offset; } tf_layout_entry;
        typedef struct tf_hidden tf_hidden;
        typedef struct tf_point { int16_t x; double y; } tf_point;
        typedef uint64_t (*tf_visit)(void *state, const tf_point *point);
        typedef struct tf_shape {
          uint8_t tag;
          tf_point corners[3];
          tf_color color;
          tf_visit visit;
          tf_hidden *hidden;
          const uint16_t *event;
          float weights[5];
          _Bool closed;
          size_t total;
        } tf_shape;
        TF_API const tf_layout_entry *tf_layout(uint32_t *count);
        TF_API tf_result tf_sum(const tf_shape *shape, int64_t *sum);
        TF_API tf_point tf_move(tf_point point, int8_t by);
        TF_API uint64_t tf_call(tf_visit visit, void *state, tf_shape *const *shapes, uint32_t count);
        TF_API tf_hidden *tf_make(void);
        TF_API int32_t tf_open(const tf_hidden *hidden);
        """;

    private const string Library =
        """
        #include <stddef.h>
        #include "tf_fixture.h"
        static const tf_layout_entry table[] = {
        #include "tf_layout.g.h"
        };
        const tf_layout_entry *tf_layout(uint32_t *count) { *count = sizeof table / sizeof *table; return table; }
        tf_result tf_sum(const tf_shape *shape, int64_t *sum) {
            if (shape->tag != 9 || !shape->closed || shape->color != TF_COLOR_4) return TF_E_BAD;
            *sum = (int64_t)shape->total + *shape->event;
            for (int i = 0; i < 3; i++) *sum += shape->corners[i].x;
            for (int i = 0; i < 5; i++) *sum += (int64_t)shape->weights[i];
            return TF_OK;
        }
        tf_point tf_move(tf_point point, int8_t by) { point.x = (int16_t)(point.x + by); point.y += by; return point; }
        uint64_t tf_call(tf_visit visit, void *state, tf_shape *const *shapes, uint32_t count) {
            uint64_t total = 0;
            for (uint32_t i = 0; i < count; i++) total += visit(state, &shapes[i]->corners[1]);
            return total;
        }
        struct tf_hidden { int32_t value; };
        tf_hidden *tf_make(void) { static tf_hidden one = {41}; return &one; }
        int32_t tf_open(const tf_hidden *hidden) { return hidden->value + 1; }
        """;

    private const string Program =
        """
        using System.Runtime.CompilerServices;
        using System.Runtime.InteropServices;
        using Fixture;

        [assembly: DisableRuntimeMarshalling]

        namespace Fixture
        {
            internal readonly record struct NativeLayoutEntry(string Name, uint Size, uint Offset);

            internal static unsafe class Program
            {
                [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
                private static ulong Visit(void* state, TfPoint* point) => (ulong)(point->X + *(int*)state);

                private static int Main()
                {
                    uint count;
                    var table = NativeMethods.tf_layout(&count);
                    var mine = NativeLayout.Measure();
                    var equal = mine.Count == count;
                    for (var i = 0; equal && i < count; i++)
                        equal = mine[i] == new NativeLayoutEntry(Marshal.PtrToStringUTF8((nint)table[i].Name)!, table[i].Size, table[i].Offset);

                    ushort value = 1000;
                    var shape = new TfShape { Tag = 9, Color = TfColor._4, Closed = 1, Total = 5, Event = &value, Visit = &Visit };
                    for (var i = 0; i < 3; i++)
                        shape.Corners[i] = new TfPoint { X = (short)(i + 1) };
                    for (var i = 0; i < 5; i++)
                        shape.Weights[i] = i;
                    long sum;
                    var result = NativeMethods.tf_sum(&shape, &sum);
                    shape.Tag = 0;
                    var bad = NativeMethods.tf_sum(&shape, &sum);
                    var moved = NativeMethods.tf_move(new TfPoint { X = -5, Y = 0.5 }, -2);
                    int state = 100;
                    TfShape* pointer = &shape;
                    var called = NativeMethods.tf_call(shape.Visit, &state, &pointer, 1);
                    var opened = NativeMethods.tf_open(NativeMethods.tf_make());
                    System.Console.WriteLine(System.FormattableString.Invariant(
                        $"{count}:{equal} {result} {sum} {bad} {moved.X} {moved.Y} {called} {opened} {NativeMethods.TF_TEXT} {NativeMethods.TF_BIG} {NativeMethods.TF_NEGATIVE} {TfBitFlags.A | TfBitFlags.B}"));
                    return 0;
                }
            }
        }
        """;

    private const string Project =
        """
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <TargetFramework>net10.0</TargetFramework>
            <OutputType>Exe</OutputType>
            <AllowUnsafeBlocks>true</AllowUnsafeBlocks>
            <Nullable>enable</Nullable>
            <UseAppHost>false</UseAppHost>
            <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
            <InvariantGlobalization>true</InvariantGlobalization>
            <OutputPath>out/</OutputPath>
            <AppendTargetFrameworkToOutputPath>false</AppendTargetFrameworkToOutputPath>
          </PropertyGroup>
        </Project>
        """;

    [Test]
    public void A_bound_library_works_from_a_program()
    {
        using var directory = new TemporaryDirectory();
        var header = directory.Write("tf_fixture.h", Header.Replace("#include <stdint.h>", "#include <stdint.h>\ntypedef __SIZE_TYPE__ size_t;", StringComparison.Ordinal));
        var options = GeneratorOptions.Default with { Namespace = "Fixture", LibraryName = "tf_fixture" };
        var model = new LibClangHeaderParser(options).Parse(header);
        foreach (var file in new CSharpEmitter(options, "tf_fixture.h").Emit(model))
            directory.Write(Path.Combine("program", file.Path), file.Content);
        directory.Write("tf_layout.g.h", LayoutHeaderEmitter.Emit(model, "tf_fixture.h"));
        CCompiler.Library(directory.Write("library.c", Library), directory["libtf_fixture.so"], "-Wno-pedantic");

        directory.Write("program/Program.cs", Program);
        directory.Write("program/program.csproj", Project);
        var build = ProcessRunner.Run(
            TimeSpan.FromSeconds(120), directory["program"], "dotnet", "build", "-nologo", "-v", "q", "-nodeReuse:false", "-p:UseSharedCompilation=false");
        Assert.That(build.ExitCode, Is.Zero, build.Output);
        File.Copy(directory["libtf_fixture.so"], directory["program/out/libtf_fixture.so"]);
        var run = ProcessRunner.Run(TimeSpan.FromSeconds(30), null, "dotnet", directory["program/out/program.dll"]);

        Assert.That(run.ExitCode, Is.Zero, run.Output);
        Assert.That(
            run.Output.Trim(),
            Is.EqualTo("17:True Ok 1021 EBad -7 -1.5 102 42 hello \"world\" 18446744073709551615 -3 A, B"));
    }
}
