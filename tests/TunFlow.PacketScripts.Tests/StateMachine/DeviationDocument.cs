using System.Reflection;

namespace TunFlow.PacketScripts.StateMachine;

/// <summary>docs/tcp-deviations.md, which is both what users read and what the tests go by.</summary>
internal static class DeviationDocument
{
    public static string Path { get; } = System.IO.Path.Combine(
        typeof(DeviationDocument).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "RepositoryRoot").Value!,
        "docs", "tcp-deviations.md");
}
