#nullable enable
using System.IO.Compression;
using System.Text.RegularExpressions;

// Packs the solution, and proves that the packages work for somebody who has nothing else of this repository.
public static class Packaging
{
    private const int QuickstartLines = 12;

    public static string Version(string suffix)
    {
        var props = System.IO.File.ReadAllText(System.IO.Path.Combine(Paths.Root, "Directory.Build.props"));
        var prefix = Regex.Match(props, "<VersionPrefix>(.+?)</VersionPrefix>").Groups[1].Value;
        return suffix.Length > 0 ? $"{prefix}-{suffix}" : prefix;
    }

    // Packs what Build has built. The restore writes the version into the assets files, from which `pack` takes the
    // versions of the packages that depend on each other.
    public static void Pack(string directory, string configuration, string version)
    {
        Paths.Empty(directory);
        var property = $"-p:PackageVersion={version}";
        Shell.Run("dotnet", "restore", Paths.Solution, property, "-v", "quiet", "-nologo");
        Shell.Run("dotnet", "pack", Paths.Solution, "-c", configuration, "--no-restore", "--no-build", property,
            "-o", directory, "-v", "quiet", "-nologo");
        foreach (var package in System.IO.Directory.GetFiles(directory, "*.nupkg").Order())
            Console.WriteLine($"packed {System.IO.Path.GetFileName(package)}");
    }

    public static void Test(string configuration, Tally tally)
    {
        // A version that no cache can have seen.
        var version = Version($"test.{DateTime.UtcNow:yyyyMMddHHmmss}");
        if (!tally.Step("packages are packed", () => Pack(Paths.Feed, configuration, version)))
            return;
        tally.Step("packages hold what they should", () => CheckContents(version));

        var work = System.IO.Directory.CreateTempSubdirectory("tunflow-consumer-").FullName;
        try
        {
            var quickstart = System.IO.Path.Combine(work, "quickstart.cs");
            if (!tally.Step($"the quickstart of the README has at most {QuickstartLines} lines", () => ExtractQuickstart(quickstart)))
                return;

            // Kept between runs for the runtime pack of the self-contained publish; our own packages never are.
            var cache = System.IO.Directory.CreateDirectory(System.IO.Path.Combine(Paths.Build, "consumer-packages")).FullName;
            foreach (var own in System.IO.Directory.GetDirectories(cache, "tunflow*"))
                System.IO.Directory.Delete(own, recursive: true);

            Script(tally, "a console project with its own class Network builds against the package",
                "consumer.sh", "create", work, Paths.Feed, version, cache, quickstart);
            Script(tally, "the quickstart fetches a file through a tunnel", "fetch.sh",
                "dotnet", System.IO.Path.Combine(work, "app", "bin", "Release", "net10.0", "app.dll"));
            if (Script(tally, "the project publishes self-contained for linux-x64", "consumer.sh", "publish", work, cache))
            {
                Script(tally, "the published quickstart fetches a file through a tunnel", "fetch.sh",
                    System.IO.Path.Combine(work, "published", "app"));
            }

            Script(tally, "the tool installs and runs", "consumer.sh", "tool", work, Paths.Feed, version, cache);
        }
        finally
        {
            System.IO.Directory.Delete(work, recursive: true);
        }
    }

    // Exit code 77 is a skip, its reason the last line.
    private static bool Script(Tally tally, string name, string script, params string[] arguments)
    {
        Console.WriteLine($"\n=== {name}");
        var (code, output) = Shell.Capture("sh", quiet: false, [System.IO.Path.Combine(Paths.Root, "tests", "packaging", script), .. arguments]);
        var last = output.TrimEnd().Split('\n')[^1];
        if (code == 0)
            tally.Pass(name);
        else if (code == 77)
            tally.Skip($"packaging: {name}", last);
        else
            tally.Fail(name, last);
        return code == 0;
    }

    private static void ExtractQuickstart(string file)
    {
        var readme = System.IO.File.ReadAllText(System.IO.Path.Combine(Paths.Root, "README.md"));
        var match = Regex.Match(readme, @"<!-- quickstart -->\s*```csharp\n(.*?)\n```", RegexOptions.Singleline);
        if (!match.Success)
            throw new CommandException("README.md has no ```csharp block after <!-- quickstart -->");
        var code = match.Groups[1].Value;
        var lines = code.Split('\n').Length;
        if (lines > QuickstartLines)
            throw new CommandException($"it has {lines} lines");
        System.IO.File.WriteAllText(file, code + "\n");
    }

    private static void CheckContents(string version)
    {
        var lwip = Open("TunFlow.Lwip", version);
        Require(lwip, "lib/net10.0/TunFlow.Lwip.dll", "lib/net10.0/TunFlow.Lwip.xml", "lib/net10.0/TunFlow.Interop.dll",
            "runtimes/linux-x64/native/libtunflow_lwip.so", "README.md", "LICENSE");
        foreach (var id in new[] { "TunFlow", "TunFlow.Network", "TunFlow.Devices", "TunFlow.Proxies" })
            Require(Open(id, version), $"lib/net10.0/{id}.dll", $"lib/net10.0/{id}.xml", "README.md", "LICENSE");
        foreach (var dependency in new[] { "TunFlow.Lwip", "TunFlow.Devices", "TunFlow.Proxies" })
        {
            if (!Nuspec(Open("TunFlow", version)).Contains($"id=\"{dependency}\" version=\"{version}\"", StringComparison.Ordinal))
                throw new CommandException($"TunFlow does not depend on {dependency} {version}");
        }

        Require(Open("TunFlow.Cli", version), "tools/net10.0/any/TunFlow.Cli.dll",
            "tools/net10.0/any/runtimes/linux-x64/native/libtunflow_lwip.so",
            "tools/net10.0/any/runtimes/linux-x64/native/tunflow-launch");

        var packages = System.IO.Directory.GetFiles(Paths.Feed, "*.nupkg");
        foreach (var package in packages)
        {
            // The bindings are inside TunFlow.Lwip; a dependency on a package of theirs could never be restored.
            if (Nuspec(ZipFile.OpenRead(package)).Contains("TunFlow.Interop", StringComparison.Ordinal))
                throw new CommandException($"{System.IO.Path.GetFileName(package)} depends on TunFlow.Interop, which is no package");
        }

        if (packages.Length != 6)
            throw new CommandException($"6 packages expected, {packages.Length} found: {string.Join(", ", packages.Select(System.IO.Path.GetFileName))}");
    }

    private static ZipArchive Open(string id, string version) =>
        ZipFile.OpenRead(System.IO.Path.Combine(Paths.Feed, $"{id}.{version}.nupkg"));

    private static void Require(ZipArchive package, params string[] entries)
    {
        foreach (var entry in entries)
        {
            if (package.GetEntry(entry) is null)
                throw new CommandException($"{package.Entries.First(e => e.FullName.EndsWith(".nuspec")).FullName} lacks {entry}");
        }
    }

    private static string Nuspec(ZipArchive package)
    {
        using var reader = new StreamReader(package.Entries.First(e => e.FullName.EndsWith(".nuspec")).Open());
        return reader.ReadToEnd();
    }
}
