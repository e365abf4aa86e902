// Where things are. Cake runs scripts with the repository as the current directory.
#nullable enable
public static class Paths
{
    public static readonly string Root = System.IO.Directory.GetCurrentDirectory();
    public static readonly string Build = System.IO.Path.Combine(Root, "build");
    public static readonly string Cache = System.IO.Path.Combine(Build, "cache");
    public static readonly string Packages = System.IO.Path.Combine(Build, "packages");
    public static readonly string Feed = System.IO.Path.Combine(Build, "feed");
    public static readonly string TestResults = System.IO.Path.Combine(Build, "test-results");
    public static readonly string Solution = System.IO.Path.Combine(Root, "Network.sln");
    public static readonly string Header = System.IO.Path.Combine(Root, "native", "include", "tunflow_lwip.h");
    public static readonly string Bindings = System.IO.Path.Combine(Root, "interop", "TunFlow.Interop", "Generated");

    // What the sanitize preset makes of the library.
    public static string SanitizedLibrary =>
        System.IO.Directory.GetFiles(System.IO.Path.Combine(CMake("sanitize"), "native"), "libtunflow_lwip.so", SearchOption.AllDirectories).Single();

    public static string CMake(string preset) => System.IO.Path.Combine(Build, "cmake", preset);

    // Directory.Build.props lets the environment move the managed output.
    public static string Managed =>
        System.Environment.GetEnvironmentVariable("ArtifactsPath") is { Length: > 0 } moved
            ? System.IO.Path.GetFullPath(moved)
            : System.IO.Path.Combine(Build, "managed");

    public static string Binary(string project, string configuration, string file) =>
        System.IO.Path.Combine(Managed, "bin", project, configuration.ToLowerInvariant(), file);

    public static string Empty(string directory)
    {
        if (System.IO.Directory.Exists(directory))
            System.IO.Directory.Delete(directory, recursive: true);
        return System.IO.Directory.CreateDirectory(directory).FullName;
    }

    public static void Clean()
    {
        if (!System.IO.Directory.Exists(Build))
            return;
        foreach (var directory in System.IO.Directory.GetDirectories(Build).Where(d => d != Cache))
            System.IO.Directory.Delete(directory, recursive: true);
    }
}
