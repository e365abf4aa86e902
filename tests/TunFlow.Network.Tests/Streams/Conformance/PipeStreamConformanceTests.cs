using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A stream over pipes, in memory: nothing of a socket's behaviour helps it.</summary>
[SideBySide]
internal sealed class PipeStreamConformanceTests : StreamConnectionConformance
{
    protected override Task<ConnectionPair> ConnectAsync()
    {
        (StreamConnection first, StreamConnection second) = DuplexPipeStream.Connect();
        return Task.FromResult(new ConnectionPair(first, second));
    }
}
