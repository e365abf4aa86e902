namespace TunFlow.Interop.Tests.Support;

/// <summary>The system's C compiler, with which fixtures are built. Tests that need it are ignored where there is none.</summary>
internal static class CCompiler
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly Lazy<string?> Program = new(() =>
        new[] { "cc", "gcc", "clang" }.FirstOrDefault(name =>
            (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
                .Split(Path.PathSeparator)
                .Any(directory => File.Exists(Path.Combine(directory, name)))));

    public static void Library(string source, string output, params string[] arguments) =>
        Compile([source, "-o", output, "-shared", "-fPIC", "-fvisibility=hidden", .. arguments]);

    public static void Executable(string source, string output, params string[] arguments) =>
        Compile([source, "-o", output, .. arguments]);

    private static void Compile(string[] arguments)
    {
        if (!OperatingSystem.IsLinux() || Program.Value is not { } program)
        {
            Assert.Ignore("needs a C compiler on Linux");
            return;
        }

        var (exitCode, output) = ProcessRunner.Run(Limit, null, program, ["-std=c11", "-Wall", "-Wextra", "-Werror", .. arguments]);
        Assert.That(exitCode, Is.Zero, output);
    }
}
