using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>A flow ended, written and half-closed by whoever is told of its news, at that moment and on that thread.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class FlowReentrancyTests
{
    public enum Moment
    {
        Arrived,
        Opened,
        Read,
        Written,
        EndOfStream,
        Broken,
    }

    [AcceptanceRow(5)]
    [Test]
    public async Task Everything_may_be_done_to_a_flow_by_whoever_hears_of_it([Values] Moment moment)
    {
        NativeLibraryRequirement.Check();
        Action<LwipFlow>[] acts =
        [
            static flow => flow.Abort(),
            static flow => flow.Dispose(),
            static flow => flow.Reset(),
            static flow => _ = flow.CompleteWrites(),
            static flow => flow.AbortReads(),
            static flow => Observe(flow.WriteAsync(new byte[100_000]).AsTask()),
            static flow => Observe(flow.ReadAsync(new byte[10]).AsTask()),
            static flow =>
            {
                flow.AbortReads();
                _ = flow.CompleteWrites();
                flow.Abort();
                flow.Dispose();
            },
        ];
        foreach (Action<LwipFlow> act in acts)
            await TryAsync(moment, act);
    }

    private static async Task TryAsync(Moment moment, Action<LwipFlow> act)
    {
        int acted = 0;
        LwipFlow? served = null;
        LwipDevice device = new(new FakeDialer(), new FakePacketProxy());
        Exception? failure = null;
        void At(Moment now, LwipFlow flow)
        {
            if (now != moment || Interlocked.Exchange(ref acted, 1) != 0)
                return;
            try
            {
                act(flow);
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        }

        Task serving = Task.CompletedTask;
        device.FlowHandler = flow =>
        {
            // On the thread that wrote the SYN.
            served = flow;
            flow.Broken = broken => At(Moment.Broken, broken);
            At(Moment.Arrived, flow);
            serving = Task.Run(() => ServeAsync(flow, At));
        };
        PacketLink link = new(device);
        TcpPeer peer = link.CreatePeer(IPEndPoint.Parse("93.184.216.34:80"));
        peer.AllowRetransmissions = true;
        peer.SendSyn();
        try
        {
            await peer.WaitAsync(() => peer.IsOpen || peer.WasReset, TimeSpan.FromSeconds(1));
            await peer.SendAsync(new byte[10]);
            await peer.WaitAsync(() => peer.ReceivedBytes > 0 || peer.WasReset || peer.FinReceived, TimeSpan.FromMilliseconds(200));
            if (moment == Moment.Broken)
                peer.SendReset();
            else
                peer.SendFin();
        }
        catch (Exception exception) when (exception is IOException or TimeoutException)
        {
            // Its flow was ended, or says nothing any more.
        }

        await Eventually.HoldsAsync(() => Volatile.Read(ref acted) == 1, $"the moment {moment}", 5000);
        await device.DisposeAsync();
        await link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        served!.Dispose();
        await serving.WaitAsync(TimeSpan.FromSeconds(10)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        Assert.That(serving.IsCompleted, Is.True, "whoever serves the flow comes to an end");
        // A read beside another one is refused; so is a write behind the end of writing.
        Assert.That(failure, Is.Null.Or.TypeOf<InvalidOperationException>());
        await Eventually.HoldsAsync(() => device.IsReleased, "release of the stack");
        Assert.That(device.GetStatistics(), Has.Property(nameof(LwipStatistics.Asserts)).Zero);
    }

    private static async Task ServeAsync(LwipFlow flow, Action<Moment, LwipFlow> at)
    {
        if (flow.Accept() < 0 || !await flow.WaitOpenAsync(CancellationToken.None))
            return;
        at(Moment.Opened, flow);
        byte[] buffer = new byte[100];
        int length;
        while ((length = await flow.ReadAsync(buffer)) > 0)
        {
            at(Moment.Read, flow);
            await flow.WriteAsync(buffer.AsMemory(0, length));
            at(Moment.Written, flow);
        }

        at(Moment.EndOfStream, flow);
        await flow.DisposeAsync();
    }

    /// <summary>What it fails with is the flow's end.</summary>
    private static void Observe(Task task) =>
        task.ContinueWith(static failed => _ = failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
}
