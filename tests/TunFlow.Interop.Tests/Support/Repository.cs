using System.Reflection;

namespace TunFlow.Interop.Tests.Support;

/// <summary>The source files that these tests check.</summary>
internal static class Repository
{
    public static string Root { get; } = typeof(Repository).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "RepositoryRoot").Value!;

    public static string Header => Path.Combine(Root, "native", "include", "tunflow_lwip.h");

    public static string Bindings => Path.Combine(Root, "interop", "TunFlow.Interop", "Generated");

    public static string LayoutTable => Path.Combine(Root, "native", "src", "tf_layout.g.h");
}
