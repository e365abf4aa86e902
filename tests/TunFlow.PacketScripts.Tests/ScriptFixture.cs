using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts;

/// <summary>Scripts that run over both versions of IP.</summary>
[TestFixture(IPVersion.V4)]
[TestFixture(IPVersion.V6)]
public abstract class ScriptFixture
{
    protected ScriptFixture(IPVersion version)
    {
        Version = version;
    }

    protected IPVersion Version { get; }

    [OneTimeSetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    private protected PacketScript NewScript(ConfigureStack? configure = null) => new(Version, configure);
}
