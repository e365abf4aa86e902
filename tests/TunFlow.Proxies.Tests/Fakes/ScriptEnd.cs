namespace TunFlow.Proxies.Tests;

/// <summary>What a server does after its last byte.</summary>
internal enum ScriptEnd
{
    Wait,
    Close,
    Reset,
}
