using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Flows;

[TestFixture]
internal sealed class RelayTests : DeviceFixture
{
    [TestCase(4)]
    [TestCase(6)]
    public async Task Bytes_pass_both_ways(int family)
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync(family == 4 ? Server4 : Server6);
        await peer.SendAsync("ping"u8.ToArray());
        Assert.That(await ReadAsync(upstream, 4), Is.EqualTo("ping"u8.ToArray()));
        await upstream.Answers.WriteAsync("pong"u8.ToArray());
        Assert.That(await peer.ReceiveAsync(4), Is.EqualTo("pong"u8.ToArray()));
    }

    [TestCase(1_000_000)]
    [TestCase(65_536)]
    public async Task Many_bytes_arrive_as_they_were_sent(int length)
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        byte[] up = Bytes(length, 1), down = Bytes(length, 2);
        Task sending = peer.SendAsync(up, TimeSpan.FromSeconds(30));
        Task answering = upstream.Answers.WriteAsync(down).AsTask();
        byte[] gotUp = await ReadAsync(upstream, length);
        byte[] gotDown = await peer.ReceiveAsync(length, TimeSpan.FromSeconds(30));
        await Task.WhenAll(sending, answering);
        Assert.That(gotUp.AsSpan().SequenceEqual(up), Is.True, "up");
        Assert.That(gotDown.AsSpan().SequenceEqual(down), Is.True, "down");
        Assert.That(Statistics, Has.Property(nameof(LwipStatistics.StreamBytesDown)).EqualTo(length));
    }

    [Test]
    public async Task The_application_half_closes_and_still_gets_the_answer()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        await peer.SendAsync("request"u8.ToArray());
        peer.SendFin();
        Assert.That(await ReadToEndAsync(upstream), Is.EqualTo("request"u8.ToArray()));
        Assert.That(upstream.Disposals, Is.Zero);
        await upstream.Answers.WriteAsync("answer"u8.ToArray());
        await upstream.Answers.CompleteAsync();
        Assert.That(await peer.ReceiveToEndAsync(), Is.EqualTo("answer"u8.ToArray()));
        await Eventually.HoldsAsync(() => upstream.Disposals == 1, "disposal");
        Assert.That(upstream.Aborts, Is.Zero);
        await AdvanceAsync(TimeSpan.FromMinutes(1), () => Statistics.Flows == 0);
        Assert.That(Statistics.Flows, Is.Zero);
    }

    [Test]
    public async Task The_upstream_half_closes_and_still_gets_what_the_application_sends()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        await upstream.Answers.CompleteAsync();
        await peer.WaitFinAsync();
        await peer.SendAsync("late"u8.ToArray());
        peer.SendFin();
        Assert.That(await ReadToEndAsync(upstream), Is.EqualTo("late"u8.ToArray()));
        await Eventually.HoldsAsync(() => upstream.Disposals == 1, "disposal");
        Assert.That(upstream.Aborts, Is.Zero);
    }

    [Test]
    public async Task An_RST_of_the_application_aborts_the_upstream()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        peer.SendReset();
        await upstream.Ended.WaitAsync(TimeSpan.FromSeconds(5));
        await Eventually.HoldsAsync(() => upstream is { Disposals: 1, Aborts: 1 }, "abort and disposal");
        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, FlowsResetByApplication: 1 }, "the flow is gone");
    }

    [Test]
    public async Task An_RST_of_the_application_gets_a_stuck_write_out()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        byte[] data = Bytes(200_000, 3);
        await peer.SendAsync(data);
        await peer.SendAsync(data);
        peer.SendReset();
        await Eventually.HoldsAsync(() => upstream is { Disposals: 1, Aborts: 1 }, "abort and disposal");
        await Eventually.HoldsAsync(() => Statistics.Flows == 0, "the flow is gone");
    }

    [Weakness(12)]
    [Test]
    public async Task What_the_upstream_sent_before_its_error_arrives_and_then_an_RST()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        byte[] data = Bytes(100_000, 4);
        upstream.ReadError = new NetworkException(NetworkError.ConnectionReset);
        await upstream.Answers.WriteAsync(data);
        await upstream.Answers.CompleteAsync();
        Assert.That((await peer.ReceiveAsync(data.Length)).AsSpan().SequenceEqual(data), Is.True);
        await AdvanceAsync(TimeSpan.FromSeconds(5), () => peer.WasReset);
        await peer.WaitResetAsync();
        Assert.That(peer.FinReceived, Is.False);
        await Eventually.HoldsAsync(() => upstream.Disposals == 1, "disposal");
        Assert.That(Statistics, Has.Property(nameof(LwipStatistics.UpstreamErrors)).EqualTo(1));
    }

    [Test]
    public async Task A_failed_write_to_the_upstream_becomes_an_RST()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        upstream.WriteError = new NetworkException(NetworkError.ConnectionReset);
        await peer.SendAsync("x"u8.ToArray());
        await Eventually.HoldsAsync(() => Statistics.FlowsOpened == 1, "open");
        await AdvanceAsync(TimeSpan.FromSeconds(5), () => peer.WasReset);
        await peer.WaitResetAsync();
        await Eventually.HoldsAsync(() => upstream.Disposals == 1, "disposal");
    }

    [Test]
    public async Task An_upstream_that_does_not_read_closes_the_window_of_its_own_flow_only()
    {
        (TcpPeer slow, FakeUpstream stuck) = await ConnectAsync();
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        stuck.StuckWrites = gate;
        byte[] data = Bytes(1_500_000, 5);
        Task sending = slow.SendAsync(data, TimeSpan.FromSeconds(30));
        await slow.WaitAsync(() => slow.PeerWindow - slow.Unacknowledged <= 0);

        long start = Environment.TickCount64;
        (TcpPeer quick, FakeUpstream upstream) = await ConnectAsync(IPEndPoint.Parse("198.51.100.7:443"));
        await quick.SendAsync("ping"u8.ToArray());
        Assert.That(await ReadAsync(upstream, 4), Is.EqualTo("ping"u8.ToArray()));
        Assert.That(Environment.TickCount64 - start, Is.LessThan(1000), "milliseconds for the other connection");

        gate.SetResult();
        stuck.StuckWrites = null;
        byte[] received = await ReadAsync(stuck, data.Length);
        await sending;
        Assert.That(received.AsSpan().SequenceEqual(data), Is.True);
    }

    [Test]
    public async Task An_application_that_does_not_read_stops_its_own_upstream_only()
    {
        (TcpPeer slow, FakeUpstream upstream) = await ConnectAsync();
        long before = Statistics.NativeBytes;
        slow.Window = 0;
        slow.SendAcknowledgment();
        byte[] data = Bytes(3_000_000, 6);
        Task answering = upstream.Answers.WriteAsync(data).AsTask();
        await Task.Delay(300);
        Assert.That(answering.IsCompleted, Is.False, "back-pressure");
        Assert.That(Statistics.NativeBytes - before, Is.LessThan(2 * new LwipDeviceOptions().SendBuffer), "allocated bytes");

        slow.Window = 0xFFFF;
        slow.SendAcknowledgment();
        byte[] received = await slow.ReceiveAsync(data.Length, TimeSpan.FromSeconds(30));
        await answering;
        Assert.That(received.AsSpan().SequenceEqual(data), Is.True);
    }

    [Test]
    public async Task Small_answers_leave_at_once()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        peer.AutoAcknowledge = false;
        for (int i = 1; i <= 3; i++)
        {
            await upstream.Answers.WriteAsync(new byte[] { (byte)i });
            int expected = i;
            await peer.WaitAsync(() => peer.ReceivedBytes == expected, TimeSpan.FromSeconds(2));
        }
    }

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static async Task<byte[]> ReadAsync(FakeUpstream upstream, int count)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(30));
        byte[] bytes = new byte[count];
        await upstream.Received.AsStream(leaveOpen: true).ReadExactlyAsync(bytes, patience.Token);
        return bytes;
    }

    private static async Task<byte[]> ReadToEndAsync(FakeUpstream upstream)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(10));
        while (true)
        {
            ReadResult result = await upstream.Received.ReadAsync(patience.Token);
            if (result.IsCompleted)
                return result.Buffer.ToArray();
            upstream.Received.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }
}
