using System.Reflection;

namespace TunFlow.Cli;

/// <summary>The version that <c>--version</c> prints.</summary>
internal static class ProductVersion
{
    internal static string Text { get; } = Read();

    private static string Read()
    {
        string? version = typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        // Behind the plus sign stands the commit.
        return version?.Split('+')[0] ?? "unknown";
    }
}
