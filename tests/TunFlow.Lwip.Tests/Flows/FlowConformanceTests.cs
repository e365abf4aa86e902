using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Devices;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Linux;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Flows;

/// <summary>The contract of a stream connection over a flow; the other end is a kernel socket behind a TUN.</summary>
[TestFixture]
[SupportedOSPlatform("linux")]
internal sealed class FlowConformanceTests : StreamConnectionConformance
{
    private static readonly IPEndPoint Server = IPEndPoint.Parse("198.51.100.1:80");

    // Each pair has a stack and a TUN of its own.
    protected override int RaceRounds => 30;

    protected override async Task<ConnectionPair> ConnectAsync()
    {
        TaskCompletionSource<StreamConnection> accepted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TunnelHost host = TunnelHost.Start(new FakeDialer(), new FakePacketProxy(), flowHandler: flow => _ = AcceptAsync(flow, accepted));
        Socket client = await host.ConnectAsync(Server);
        return new ConnectionPair(await accepted.Task.WaitAsync(Limit), StreamConnection.Create(client), host);
    }

    private static async Task AcceptAsync(LwipFlow flow, TaskCompletionSource<StreamConnection> accepted)
    {
        await Task.Yield();
        flow.Accept();
        if (await flow.WaitOpenAsync(CancellationToken.None))
            accepted.SetResult(flow);
        else
            accepted.SetException(new InvalidOperationException("The flow did not open."));
    }
}
