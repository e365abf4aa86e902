namespace TunFlow.Lwip.Tests.Leaks;

/// <summary>The test is about handles that nobody disposes: that many are to be finalized when it ends, no more and no less.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LeavesToFinalizerAttribute(int handles) : PropertyAttribute(Name, handles)
{
    public const string Name = "LeavesToFinalizer";

    public int Handles { get; } = handles;
}
