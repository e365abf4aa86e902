using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>A million SYNs from made-up sources in five seconds of virtual time.</summary>
[TestFixture(AcceptMode.DialFirst)]
[TestFixture(AcceptMode.AcceptFirst)]
[TestFixture(AcceptMode.DialAtFirstPayload)]
[NonParallelizable]
internal sealed class SynFloodTests(AcceptMode mode) : DeviceFixture
{
    private const int Count = 1_000_000;
    private const int Batch = 1000;
    private const int SynSize = 40;
    private const int OneMegabyte = 1_000_000;

    private static readonly TimeSpan s_batch = TimeSpan.FromMilliseconds(5);

    private static readonly IPEndPoint s_first = IPEndPoint.Parse("11.0.0.0:1000");
    private static readonly IPEndPoint s_honest = IPEndPoint.Parse("93.184.216.34:443");
    private static readonly byte[] s_data = new byte[1000];

    private PacketBuffer[] _syns = [];

    protected override LwipDeviceOptions Options => new() { AcceptMode = mode };

    [Test]
    [AcceptanceRow(1)]
    public async Task Million_SYNs_stay_under_the_caps_and_stop_nobody()
    {
        // Dials for made-up sources hang, as they do where the upstream is slow: the worst that can be for the caps.
        Dialer.OnDial = (remote, token) => remote.Equals(s_honest) ? new ValueTask<StreamConnection>(Dialer.Create()) : HangAsync(token);
        (TcpPeer established, FakeUpstream upstream) = await ConnectHonestAsync();
        _syns = [.. Enumerable.Range(0, Batch).Select(static _ => new PacketBuffer(PacketBuilder.TcpSegment(s_first, Server4, 1, 0, TcpFlags.Syn, 65_535), SynSize))];
        int first = await FillAsync();
        LwipStatistics full = Statistics;
        long managed = ManagedBytes();
        int honest = 1, mostHalfOpen = 0, mostPending = 0;
        long started = Stopwatch.GetTimestamp();

        for (int i = first; i < Count / Batch; i++)
        {
            await FloodAsync(i);
            LwipStatistics now = Statistics;
            mostHalfOpen = Math.Max(mostHalfOpen, now.FlowsHalfOpen);
            mostPending = Math.Max(mostPending, now.FlowsPending);
            if (i % 200 != 199)
                continue;
            (TcpPeer peer, _) = await ConnectHonestAsync();
            peer.SendReset();
            peer.Forget();
            honest++;
            await SendAsync(established, upstream);
        }

        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        LwipStatistics after = Statistics;
        long grown = ManagedBytes() - managed;
        TestContext.Out.WriteLine($"{(Count - (first * Batch)) / seconds / 1000:F0} thousand SYNs a second; half-open {mostHalfOpen}, pending {mostPending} at most; {Dialer.Calls} dials; native bytes {full.NativeBytesPeak} with full caps, {after.NativeBytesPeak} at most; {grown} managed bytes more");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(after.PacketsIn, Is.GreaterThanOrEqualTo(Count));
            Assert.That(honest, Is.GreaterThanOrEqualTo(4));
            Assert.That(mostHalfOpen, Is.LessThanOrEqualTo(1024));
            Assert.That(mostPending, Is.LessThanOrEqualTo(1024));
            Assert.That(after.NativeBytesPeak - full.NativeBytesPeak, Is.LessThan(OneMegabyte));
            Assert.That(grown, Is.LessThan(OneMegabyte));
            if (mode != AcceptMode.DialFirst)
                Assert.That(Dialer.Calls, Is.EqualTo(honest), "no dial before the third segment of a handshake");
            else
                Assert.That(Dialer.Calls - honest, Is.LessThanOrEqualTo(1024 + (5 * 256)), "the burst, and the rate");
            Assert.That(after.Asserts + after.UnexpectedExceptions, Is.Zero);
        }
    }

    /// <summary>An application's connection, with data through it.</summary>
    private async Task<(TcpPeer Peer, FakeUpstream Upstream)> ConnectHonestAsync()
    {
        TcpPeer peer = Link.CreatePeer(s_honest);
        peer.AllowRetransmissions = true;
        Assert.That(await peer.ConnectAsync(), Is.True, "connected");
        await peer.SendAsync(s_data);
        FakeUpstream? upstream = null;
        await Eventually.HoldsAsync(() => Dialer.Upstreams.TryDequeue(out upstream), "a dial");
        await ExpectAsync(upstream!);
        return (peer, upstream!);
    }

    private static async Task SendAsync(TcpPeer peer, FakeUpstream upstream)
    {
        await peer.SendAsync(s_data);
        await ExpectAsync(upstream);
    }

    private static async Task ExpectAsync(FakeUpstream upstream)
    {
        ReadResult received = await upstream.Received.ReadAtLeastAsync(s_data.Length).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(received.Buffer.Length, Is.EqualTo(s_data.Length));
        upstream.Received.AdvanceTo(received.Buffer.End);
    }

    /// <summary>What the flood left in this test's own queues doesn't count.</summary>
    private long ManagedBytes()
    {
        Dialer.Destinations.Clear();
        while (Link.Others.TryRead(out _))
        {
        }

        return GC.GetTotalMemory(forceFullCollection: true);
    }

    private static async ValueTask<StreamConnection> HangAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource<StreamConnection> never = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (cancellationToken.UnsafeRegister(_ => never.TrySetCanceled(cancellationToken), null))
            return await never.Task;
    }

    /// <summary>Floods until what is capped is full, no faster than the answers are made. Returns the next batch.</summary>
    private async Task<int> FillAsync()
    {
        for (int batch = 0; batch < 500; batch++)
        {
            await FloodAsync(batch);
            await Task.Delay(10);
            if (mode == AcceptMode.DialFirst ? Statistics.FlowsPending == 512 : Statistics.FlowsHalfOpen >= 1000)
                return batch + 1;
        }

        throw new TimeoutException("The caps were never full.");
    }

    /// <summary>A batch, of a thousand other sources.</summary>
    private async Task FloodAsync(int batch)
    {
        for (int i = 0; i < Batch; i++)
            Readdress(_syns[i].Packet.Span, (batch * Batch) + i);
        await Device.WriteBatchAsync(_syns);
        Time.Advance(s_batch);
        while (Link.Others.TryRead(out _))
        {
        }
    }

    /// <summary>Another source, and the checksums that go with it (RFC 1624).</summary>
    private static void Readdress(Span<byte> packet, int number)
    {
        const int IPChecksum = 10;
        const int Source = 14; // the lower three bytes are the number, of which the uppermost stands beside the network
        const int TcpChecksum = 36;
        ushort high = (ushort)((11 << 8) | (number >> 16 & 0xFF));
        ushort low = (ushort)number;
        foreach ((int offset, ushort value) in ((int, ushort)[])[(Source - 2, high), (Source, low)])
        {
            ushort old = BinaryPrimitives.ReadUInt16BigEndian(packet[offset..]);
            BinaryPrimitives.WriteUInt16BigEndian(packet[offset..], value);
            foreach (int sum in (int[])[IPChecksum, TcpChecksum])
            {
                uint total = (ushort)~BinaryPrimitives.ReadUInt16BigEndian(packet[sum..]) + (uint)(ushort)~old + value;
                total = (total & 0xFFFF) + (total >> 16);
                total = (total & 0xFFFF) + (total >> 16);
                BinaryPrimitives.WriteUInt16BigEndian(packet[sum..], (ushort)~total);
            }
        }
    }
}
