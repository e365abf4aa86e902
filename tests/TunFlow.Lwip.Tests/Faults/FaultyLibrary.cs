using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using TunFlow.Interop;

namespace TunFlow.Lwip.Tests.Faults;

/// <summary>The build of the native library whose allocations can be made to fail, and copies of the assemblies that are bound to it.</summary>
/// <remarks>The product has no such hook. A library is loaded once for an assembly, so another one needs another copy of it.</remarks>
internal static unsafe class FaultyLibrary
{
    private const string Variable = "TUNFLOW_TEST_FAULTY_LIBRARY";

    /// <summary>Where the build leaves it.</summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path ? path : System.IO.Path.Combine(
        typeof(FaultyLibrary).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static a => a.Key == "RepositoryRoot").Value!,
        "build", "cmake", "release", "native", "faulty", "libtunflow_lwip.so");

    /// <summary>Calls a static method of a copy of this assembly. Skips the test where the library wasn't built.</summary>
    public static string? Run(Type type, string method, params object[] arguments)
    {
        if (!File.Exists(Path))
            Assert.Ignore($"{Path} is missing: cmake --build of the preset `release` makes it, and {Variable} may name another one.");
        object? setting = AppContext.GetData(NativeLibraryLoader.PathSetting);
        AppContext.SetData(NativeLibraryLoader.PathSetting, Path);
        try
        {
            // Not collectible: finalizers of the copy may still run when the test is over.
            AssemblyLoadContext context = new(method);
            string directory = System.IO.Path.GetDirectoryName(typeof(FaultyLibrary).Assembly.Location)!;
            context.LoadFromAssemblyPath(System.IO.Path.Combine(directory, "TunFlow.Interop.dll"));
            context.LoadFromAssemblyPath(System.IO.Path.Combine(directory, "TunFlow.Lwip.dll"));
            Assembly copy = context.LoadFromAssemblyPath(typeof(FaultyLibrary).Assembly.Location);
            MethodInfo target = copy.GetType(type.FullName!)!.GetMethod(method, BindingFlags.Static | BindingFlags.NonPublic)!;
            return (string?)target.Invoke(null, BindingFlags.DoNotWrapExceptions, null, arguments, null);
        }
        finally
        {
            AppContext.SetData(NativeLibraryLoader.PathSetting, setting);
        }
    }

    /// <summary>In the copy: the nth allocation of the first stack fails from now on (0: none), and a share of all.</summary>
    public static void FailAllocations(ulong nth, uint perMille)
    {
        // Not freed: it would be unloaded, and have forgotten this, before the first stack loads it for good.
        nint library = NativeLibrary.Load(Path);
        var fail = (delegate* unmanaged<uint, ulong, uint, void>)NativeLibrary.GetExport(library, "tf_test_fail_allocation");
        fail(0, nth, perMille);
    }
}
