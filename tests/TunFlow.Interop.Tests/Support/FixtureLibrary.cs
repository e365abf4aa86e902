using System.Reflection;
using System.Runtime.Loader;

namespace TunFlow.Interop.Tests.Support;

/// <summary>
/// A tiny native library with the real header's handshake, and a private copy of the interop assembly bound to it: loading
/// happens once per assembly, so each case needs an assembly of its own.
/// </summary>
internal static class FixtureLibrary
{
    /// <summary>The handshake and the stack's lifetime; counters say what the library was asked to do.</summary>
    public const string Source =
        """
        #include <stddef.h>
        #include "@HEADER@"
        #ifndef FIXTURE_VERSION
        #define FIXTURE_VERSION TF_ABI_VERSION
        #endif
        TF_API uint32_t tf_abi_version(void) { return FIXTURE_VERSION; }
        #ifndef FIXTURE_NO_LAYOUT
        static const tf_layout_entry table[] = {
        #include "@LAYOUT@"
        };
        TF_API const tf_layout_entry *tf_abi_layout(uint32_t *count) {
            *count = sizeof table / sizeof *table;
            return table;
        }
        #endif
        TF_API uint32_t tf_stack_limit(void) { return 3; }
        static int alive[3];
        static uint32_t busy;
        TF_API void tf_config_default(tf_config *config) { config->size = 0; }
        TF_API int32_t tf_stack_create(const tf_config *config, uint64_t now, uint32_t *stack) {
            (void)now;
            if (config->size != sizeof *config) return TF_E_INVALID;
            for (uint32_t i = 0; i < 3; i++)
                if (!alive[i]) { alive[i] = 1; *stack = i; return TF_OK; }
            return TF_E_LIMIT;
        }
        TF_API int32_t tf_stack_destroy(uint32_t stack) {
            if (busy) return TF_E_BUSY;
            if (!alive[stack]) return TF_E_STALE;
            alive[stack] = 0;
            return TF_OK;
        }
        /* The only way for a test to make the library busy. */
        TF_API int32_t tf_stack_set_mtu(uint32_t stack, uint32_t mtu) { (void)stack; busy = mtu; return TF_OK; }
        """;

    /// <summary>Compiles the library; <paramref name="edit"/> changes the header that it is built from.</summary>
    public static string Build(TemporaryDirectory directory, Func<string, string>? edit = null, params string[] arguments)
    {
        var header = directory.Write("tunflow_lwip.h", (edit ?? (text => text))(File.ReadAllText(Repository.Header)));
        var source = directory.Write(
            "fixture.c",
            Source.Replace("@HEADER@", header, StringComparison.Ordinal).Replace("@LAYOUT@", Repository.LayoutTable, StringComparison.Ordinal));
        var library = directory["libtunflow_lwip.so"];
        CCompiler.Library(source, library, arguments);
        return library;
    }

    /// <summary>
    /// Calls the static method <paramref name="scenario"/> of <paramref name="type"/> in a fresh copy of this test assembly and
    /// of the interop assembly, with <paramref name="path"/> as the library to load.
    /// </summary>
    public static string? Run(string? path, Type type, string scenario)
    {
        var setting = AppContext.GetData(NativeLibraryLoader.PathSetting);
        AppContext.SetData(NativeLibraryLoader.PathSetting, path);
        try
        {
            // Not collectible: a finalizer of the copy may still run when the test is over.
            var context = new AssemblyLoadContext(scenario);
            var directory = Path.GetDirectoryName(typeof(FixtureLibrary).Assembly.Location)!;
            context.LoadFromAssemblyPath(Path.Combine(directory, "TunFlow.Interop.dll"));
            var copy = context.LoadFromAssemblyPath(Path.Combine(directory, "TunFlow.Interop.Tests.dll"));
            var method = copy.GetType(type.FullName!)!.GetMethod(scenario, BindingFlags.Static | BindingFlags.NonPublic)!;
            return method.Invoke(null, BindingFlags.DoNotWrapExceptions, null, null, null) as string;
        }
        finally
        {
            AppContext.SetData(NativeLibraryLoader.PathSetting, setting);
        }
    }
}
