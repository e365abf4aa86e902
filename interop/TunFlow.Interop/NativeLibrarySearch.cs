using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace TunFlow.Interop;

/// <summary>Where the native library may be, in the order in which it is tried.</summary>
internal sealed class NativeLibrarySearch
{
    private NativeLibrarySearch(string runtimeIdentifier, IEnumerable<string> candidates)
    {
        RuntimeIdentifier = runtimeIdentifier;
        Candidates = [.. candidates.Distinct(StringComparer.Ordinal)];
    }

    /// <summary>The platform in NuGet's words, such as linux-musl-arm64.</summary>
    internal string RuntimeIdentifier { get; }

    /// <summary>Full paths, first choice first.</summary>
    internal IReadOnlyList<string> Candidates { get; }

    /// <summary>
    /// Differs from the program's directory for a plug-in. Empty in a single-file program, whose native files are where the
    /// host says.
    /// </summary>
    private static string AssemblyDirectory
    {
        [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "The empty answer is expected and ignored.")]
        get => Path.GetDirectoryName(typeof(NativeLibrarySearch).Assembly.Location) ?? string.Empty;
    }

    /// <summary>The search that this process's imports use.</summary>
    internal static NativeLibrarySearch ForThisProcess() => Create(
        [AppContext.BaseDirectory, AssemblyDirectory],
        AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string,
        RuntimeInformation.RuntimeIdentifier,
        AppContext.GetData(NativeLibraryLoader.PathSetting) as string);

    /// <summary>
    /// <paramref name="explicitPath"/> alone if it is given (a relative one starts at the first base directory); else, for each
    /// base directory, the file in it (published for one RID) and in its runtimes folder (portable output), then the
    /// directories that the host took from deps.json (NuGet cache, single-file extraction). Empty base directories are ignored.
    /// </summary>
    internal static NativeLibrarySearch Create(
        IReadOnlyList<string> baseDirectories, string? hostDirectories, string runtimeIdentifier, string? explicitPath)
    {
        if (!string.IsNullOrEmpty(explicitPath))
            return new NativeLibrarySearch(runtimeIdentifier, [Path.GetFullPath(explicitPath, baseDirectories[0])]);

        var file = FileName(runtimeIdentifier);
        var rids = Fallbacks(runtimeIdentifier);
        var own = baseDirectories
            .Where(directory => directory.Length > 0)
            .Select(Path.TrimEndingDirectorySeparator)
            .SelectMany(directory => rids
                .Select(rid => Path.Combine(directory, "runtimes", rid, "native", file))
                .Prepend(Path.Combine(directory, file)));
        var host = (hostDirectories ?? string.Empty)
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(directory => Path.Combine(directory, file));
        return new NativeLibrarySearch(runtimeIdentifier, own.Concat(host));
    }

    /// <summary>
    /// The RID itself and the portable one under it: a distribution's own build of the runtime says debian.12-x64 where the
    /// package has linux-x64. musl never falls back to glibc, whose libraries do not load there.
    /// </summary>
    internal static IReadOnlyList<string> Fallbacks(string runtimeIdentifier)
    {
        var dash = runtimeIdentifier.LastIndexOf('-');
        if (dash < 0)
            return [runtimeIdentifier];
        var system = runtimeIdentifier[..dash];
        var architecture = runtimeIdentifier[(dash + 1)..];
        var portable = PortableSystem(system);
        return portable == system ? [runtimeIdentifier] : [runtimeIdentifier, $"{portable}-{architecture}"];
    }

    internal static string FileName(string runtimeIdentifier)
    {
        var dash = runtimeIdentifier.LastIndexOf('-');
        return PortableSystem(dash < 0 ? runtimeIdentifier : runtimeIdentifier[..dash]) switch
        {
            "win" => $"{NativeMethods.LibraryName}.dll",
            "osx" => $"lib{NativeMethods.LibraryName}.dylib",
            _ => $"lib{NativeMethods.LibraryName}.so",
        };
    }

    private static string PortableSystem(string system)
    {
        if (system.StartsWith("win", StringComparison.Ordinal))
            return "win";
        if (system.StartsWith("osx", StringComparison.Ordinal))
            return "osx";
        var isMusl = system.Contains("musl", StringComparison.Ordinal) || system.StartsWith("alpine", StringComparison.Ordinal);
        // Systems with a C library of their own keep their name: a Linux build would not load.
        if (system is "freebsd" or "android" or "illumos" or "solaris" or "haiku"
            || system.StartsWith("ios", StringComparison.Ordinal)
            || system.StartsWith("tvos", StringComparison.Ordinal)
            || system.StartsWith("maccatalyst", StringComparison.Ordinal)
            || system.StartsWith("linux-bionic", StringComparison.Ordinal)
            || system.StartsWith("freebsd.", StringComparison.Ordinal)
            || system.StartsWith("android.", StringComparison.Ordinal))
            return system;
        return isMusl ? "linux-musl" : "linux";
    }
}
