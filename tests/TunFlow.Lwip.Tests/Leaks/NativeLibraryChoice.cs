using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace TunFlow.Lwip.Tests.Leaks;

/// <summary>Lets the environment choose the library under test, such as the build with AddressSanitizer.</summary>
internal static class NativeLibraryChoice
{
    private const string Variable = "TUNFLOW_NATIVE_LIBRARY";

    /// <summary>The chosen file; null for the one beside the tests.</summary>
    public static string? Path => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path ? path : null;

    [SuppressMessage("Usage", "CA2255", Justification = "The choice has to be made before the first test asks for the library.")]
    [ModuleInitializer]
    internal static void Choose()
    {
        if (Path is { } path)
            AppContext.SetData(Interop.NativeLibraryLoader.PathSetting, path);
    }
}
