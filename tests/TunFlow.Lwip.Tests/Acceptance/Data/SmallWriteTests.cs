using System.Diagnostics;
using System.IO.Pipelines;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Nothing small waits for something else.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class SmallWriteTests : DeviceFixture
{
    [Test]
    [Weakness(19)]
    public async Task Three_small_writes_5_ms_apart_all_leave_without_an_acknowledgment()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        peer.AutoAcknowledge = false;
        for (int i = 1; i <= 3; i++)
        {
            await upstream.Answers.WriteAsync(new byte[] { (byte)i });
            await peer.WaitAsync(() => peer.ReceivedBytes == i, TimeSpan.FromSeconds(5));
            Time.Advance(TimeSpan.FromMilliseconds(5));
        }

        Assert.That((Time.Elapsed, Statistics.Retransmissions), Is.EqualTo((TimeSpan.FromMilliseconds(15), 0L)));
    }

    [Test]
    [Weakness(19)]
    public async Task A_ping_pong_waits_for_no_timer()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        List<double> milliseconds = [];
        for (int i = 0; i < 500; i++)
        {
            long started = Stopwatch.GetTimestamp();
            await peer.SendAsync(new byte[1]);
            ReadResult request = await upstream.Received.ReadAsync();
            upstream.Received.AdvanceTo(request.Buffer.End);
            await upstream.Answers.WriteAsync(new byte[1]);
            await peer.ReceiveAsync(1);
            milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        milliseconds.Sort();
        TestContext.Out.WriteLine($"{milliseconds[250] * 1000:F0} us in the middle, {milliseconds[^5]:F1} ms for the 99th of a hundred");
        using (Assert.EnterMultipleScope())
        {
            // The clock stood still: whatever a timer had to send would still be waiting.
            Assert.That(Time.Elapsed, Is.EqualTo(TimeSpan.Zero));
            Assert.That(milliseconds[250], Is.LessThan(20), "the original: 96 ms");
        }
    }
}
