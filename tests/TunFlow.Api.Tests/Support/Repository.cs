using System.Reflection;

namespace TunFlow.Api.Tests.Support;

/// <summary>Where the committed files are.</summary>
internal static class Repository
{
    internal static string Root { get; } = typeof(Repository).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(static attribute => attribute.Key == "RepositoryRoot").Value!;

    internal static string PathTo(params ReadOnlySpan<string> parts) => Path.Combine([Root, .. parts]);

    internal static string Read(params ReadOnlySpan<string> parts) => File.ReadAllText(PathTo(parts));
}
