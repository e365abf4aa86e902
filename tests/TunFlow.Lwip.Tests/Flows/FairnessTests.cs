using System.Diagnostics;
using System.IO.Pipelines;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Flows;

[TestFixture]
internal sealed class FairnessTests : DeviceFixture
{
    [Test]
    public async Task Small_exchanges_go_on_beside_four_flows_that_take_all_they_get()
    {
        using CancellationTokenSource stop = new();
        List<Task> bulk = [];
        List<TcpPeer> takers = [];
        for (int i = 0; i < 4; i++)
        {
            (TcpPeer taker, FakeUpstream source) = await ConnectAsync();
            takers.Add(taker);
            bulk.Add(Task.Run(async () =>
            {
                byte[] data = new byte[64 * 1024];
                while (!stop.IsCancellationRequested)
                    await source.Answers.WriteAsync(data);
            }));
        }

        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        List<double> milliseconds = [];
        for (int i = 0; i < 100; i++)
        {
            long started = Stopwatch.GetTimestamp();
            await peer.SendAsync(new byte[10]);
            ReadResult request = await upstream.Received.ReadAtLeastAsync(10);
            upstream.Received.AdvanceTo(request.Buffer.End);
            await upstream.Answers.WriteAsync(new byte[10]);
            await peer.ReceiveAsync(10);
            milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        await stop.CancelAsync();
        milliseconds.Sort();
        int[] taken = [.. takers.Select(static taker => taker.ReceivedBytes)];
        TestContext.Out.WriteLine($"{milliseconds[50]:F2} ms in the middle, {milliseconds[^1]:F1} ms at most; bulk {string.Join(", ", taken.Select(static bytes => bytes / 1024))} KiB");
        await Task.WhenAll(bulk).WaitAsync(TimeSpan.FromSeconds(20));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(milliseconds[50], Is.LessThan(250));
            Assert.That(taken.Min(), Is.GreaterThan(taken.Max() / 20));
        }
    }
}
