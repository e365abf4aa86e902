using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace TunFlow.Interop.Tests.Support;

/// <summary>Lets a run use another build of the library, such as the one with AddressSanitizer.</summary>
internal static class NativeLibraryOverride
{
    public const string Variable = "TUNFLOW_TEST_NATIVE_LIBRARY";

    [SuppressMessage("Usage", "CA2255", Justification = "Has to run before any test can load the library.")]
    [ModuleInitializer]
    internal static void Apply()
    {
        // Not in the copies that FixtureLibrary makes: they are given a path of their own.
        if (AppContext.GetData(NativeLibraryLoader.PathSetting) is null
            && Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path)
            AppContext.SetData(NativeLibraryLoader.PathSetting, path);
    }
}
