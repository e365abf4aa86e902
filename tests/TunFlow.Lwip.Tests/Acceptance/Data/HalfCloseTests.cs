using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>One side has said everything, and the other has only begun.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class HalfCloseTests : LoadFixture
{
    private const long Length = 100_000_000;

    [Test]
    [AcceptanceRow(14)]
    public async Task The_application_ends_first_and_gets_100_MB_byte_exact()
    {
        LoadDialer dialer = new();
        (LwipDevice device, Swarm swarm) = Start(1, dialer);
        await swarm.ConnectAsync();
        SwarmFlow flow = swarm.Flows[0];
        LoadUpstream upstream = dialer.Upstreams[0];
        flow.SendFin();
        await swarm.WaitAsync(() => upstream.WritesWereCompleted, "the end of the stream at the upstream");

        upstream.Send(Length);
        upstream.Complete();
        await swarm.WaitAsync(() => flow.Ended, "the end of the answer", 60);

        swarm.AssertIntact();
        Assert.That((flow.Received, flow.WasReset, upstream.WasAborted), Is.EqualTo((Length, false, false)));
        await swarm.WaitAsync(() => upstream.Disposals == 1 && device.GetStatistics().Flows == 0, "the end of the flow");
    }

    [Test]
    [AcceptanceRow(14)]
    public async Task The_server_ends_first_and_gets_100_MB_byte_exact()
    {
        LoadDialer dialer = new();
        (LwipDevice device, Swarm swarm) = Start(1, dialer);
        await swarm.ConnectAsync();
        SwarmFlow flow = swarm.Flows[0];
        LoadUpstream upstream = dialer.Upstreams[0];
        upstream.Complete();
        await swarm.WaitAsync(() => flow.Ended, "the end of the stream at the application");

        flow.Send(Length);
        await swarm.WaitAsync(() => flow.Acknowledged >= Length, "all acknowledgments", 60);
        flow.SendFin();
        await swarm.WaitAsync(() => upstream.WritesWereCompleted, "the end of the stream at the upstream");

        Assert.That((upstream.Received, upstream.Corrupt, flow.WasReset, upstream.WasAborted), Is.EqualTo((Length, default(long?), false, false)));
        await swarm.WaitAsync(() => upstream.Disposals == 1 && device.GetStatistics().FlowsResetByApplication == 0, "the end of the flow");
    }
}
