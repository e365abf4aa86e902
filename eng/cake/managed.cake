// The managed side.
#nullable enable
public static class Managed
{
    public static void GenerateBindings(bool check)
    {
        string[] command = ["run", "--project", "interop/BindingGenerator", "-c", "Release", "--", Paths.Header, Paths.Bindings];
        Shell.Run("dotnet", check ? [.. command, "--check"] : command);
    }

    // The tests that compare docs/api with the surface, and docs/acceptance.md with the tags of the tests, write them when they are told to.
    public static void GenerateApi(string configuration, bool check)
    {
        string[] command = ["test", "tests/TunFlow.Api.Tests", "-c", configuration, "--nologo", "--filter", "FullyQualifiedName~BaselineTests|FullyQualifiedName~AcceptanceDocumentTests"];
        Shell.Run("dotnet", check ? command : [.. command, "--environment", "TUNFLOW_UPDATE_API=1"]);
    }

    public static void Build(string configuration, string? project = null) =>
        Shell.Run("dotnet", "build", project ?? Paths.Solution, "-c", configuration, "-v", "quiet", "-nologo");

    // One project after the other: several of them measure time or own network namespaces. The hang timeout is per
    // test; it ends the host and the run counts as failed.
    public static void Test(string configuration, Tally tally)
    {
        foreach (var project in System.IO.Directory.GetFiles(System.IO.Path.Combine(Paths.Root, "tests"), "*.Tests.csproj", SearchOption.AllDirectories).Order())
        {
            var name = System.IO.Path.GetFileNameWithoutExtension(project);
            Console.WriteLine($"\n=== {name}");
            var report = System.IO.Path.Combine(Paths.TestResults, $"{name}.trx");
            var code = Shell.Try("dotnet", "test", Paths.Binary(name, configuration, $"{name}.dll"),
                "--nologo", "--logger", $"trx;LogFileName={report}", "--logger", "console;verbosity=minimal",
                "--results-directory", Paths.TestResults, "--blame-hang-timeout", "4m", "--blame-hang-dump-type", "none");
            tally.AddTrx(name, report, code);
        }
    }
}
