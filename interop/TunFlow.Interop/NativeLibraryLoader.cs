using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TunFlow.Interop;

/// <summary>Answers the runtime's question where the native library of the generated imports is.</summary>
/// <remarks>
/// The runtime's own search reports a missing library as one bare DllNotFoundException; this one looks in the same places and
/// says what it looked for, which files were there but did not load, and why.
/// </remarks>
internal static class NativeLibraryLoader
{
    /// <summary>AppContext data: the path of the library. When it is set nothing else is tried.</summary>
    internal const string PathSetting = "TunFlow.NativeLibraryPath";

    private static string? s_path;

    /// <summary>The file that was loaded; null before that, or when the program has the library linked in.</summary>
    internal static string? LoadedPath => Volatile.Read(ref s_path);

    /// <summary>
    /// Runs before any other code of this assembly, so the imports need no check of their own. It only registers; the library
    /// is loaded by the first call into it.
    /// </summary>
    [SuppressMessage("Usage", "CA2255", Justification = "A static constructor instead would put a check into every native call.")]
    [ModuleInitializer]
    internal static void Register() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraryLoader).Assembly, Resolve);

    /// <summary>Loads the first candidate that can be loaded.</summary>
    /// <exception cref="PlatformNotSupportedException">None can; the message names the RID, every file and what was wrong with it.</exception>
    internal static nint Load(NativeLibrarySearch search, out string path)
    {
        var failures = new List<string>();
        foreach (var candidate in search.Candidates)
        {
            if (!File.Exists(candidate))
            {
                failures.Add($"{candidate}: no such file");
                continue;
            }

            try
            {
                path = candidate;
                return NativeLibrary.Load(candidate);
            }
            catch (BadImageFormatException e)
            {
                failures.Add($"{candidate}: built for another system or processor ({e.Message})");
            }
            catch (DllNotFoundException e)
            {
                // The file is there: the message is the system loader's about a dependency, a symbol or a permission.
                failures.Add($"{candidate}: the system could not load it ({e.Message})");
            }
        }

        throw new PlatformNotSupportedException(
            $"The native library '{NativeMethods.LibraryName}' is not available for {search.RuntimeIdentifier}. Looked for:{Environment.NewLine}"
            + string.Join(Environment.NewLine, failures.Select(f => "  " + f)));
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != NativeMethods.LibraryName)
            return 0;
        // Concurrent first calls may both come here; the system loader counts references and gives both the same handle.
        var handle = Load(NativeLibrarySearch.ForThisProcess(), out var path);
        Volatile.Write(ref s_path, path);
        return handle;
    }
}
