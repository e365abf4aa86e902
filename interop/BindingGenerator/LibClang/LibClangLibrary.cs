using System.Reflection;
using System.Runtime.InteropServices;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>Finds libclang under the names that distributions give it.</summary>
internal static class LibClangLibrary
{
    /// <summary>The name in every import; never a file of that name.</summary>
    public const string Name = "libclang";

    /// <summary>Environment variable with a path that is taken instead of a search.</summary>
    public const string PathVariable = "LIBCLANG_PATH";

    // 14 first: it is what the bindings were generated with. The interface has not changed since.
    private static readonly string[] Candidates =
    [
        "libclang-14.so.1", "libclang.so.1",
        "libclang-20.so.1", "libclang-19.so.1", "libclang-18.so.1", "libclang-17.so.1", "libclang-16.so.1", "libclang-15.so.1",
        "libclang-13.so.1", "libclang.so", "libclang.dylib", "libclang.dll",
    ];

    private static readonly Lock Gate = new();
    private static nint s_handle;

    /// <summary>Loads the library, once.</summary>
    /// <exception cref="DllNotFoundException">None of the names loads; the message says what to install.</exception>
    public static void Load()
    {
        lock (Gate)
        {
            if (s_handle != 0)
                return;
            s_handle = Open(Environment.GetEnvironmentVariable(PathVariable));
            NativeLibrary.SetDllImportResolver(
                typeof(LibClangLibrary).Assembly,
                static (name, _, _) => name == Name ? s_handle : 0);
        }
    }

    internal static nint Open(string? path)
    {
        var names = string.IsNullOrEmpty(path) ? Candidates : [path];
        foreach (var name in names)
        {
            if (NativeLibrary.TryLoad(name, Assembly.GetExecutingAssembly(), null, out var handle))
                return handle;
        }

        throw new DllNotFoundException(
            $"libclang was not found (tried {string.Join(", ", names)}). On Debian and Ubuntu install the package libclang1-14, "
            + $"or set {PathVariable} to the library's path.");
    }
}
