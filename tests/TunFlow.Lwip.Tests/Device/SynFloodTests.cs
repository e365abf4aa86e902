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
    private const int OneMegabyte = 1_000_000;

    private static readonly TimeSpan s_batch = TimeSpan.FromMilliseconds(5);

    private byte[][] _syns = [];

    protected override LwipDeviceOptions Options => new() { AcceptMode = mode };

    [Test]
    [AcceptanceRow(1)]
    public async Task Million_SYNs_stay_under_the_caps_and_stop_nobody()
    {
        (TcpPeer established, FakeUpstream upstream) = await ConnectAsync();
        established.AllowRetransmissions = true;
        _syns = [.. Enumerable.Range(0, Batch).Select(static _ => PacketBuilder.TcpSegment(new IPEndPoint(IPAddress.Parse("11.0.0.0"), 1000), Server4, 1, 0, TcpFlags.Syn, 65_535))];
        int dialsBefore = Dialer.Calls;
        // Dials of made-up sources hang, as they do where the upstream is slow: the worst that can be for the caps.
        Dialer.OnDial = (_, token) => HangAsync(token);
        int mostHalfOpen = 0, mostPending = 0, connects = 0;
        long full = 0, managed = 0, dialsOfHonest = 0;
        byte[] data = new byte[1000];
        long started = Stopwatch.GetTimestamp();

        for (int i = 0; i < Count / Batch; i++)
        {
            await FloodAsync(i * Batch);
            Time.Advance(s_batch);
            LwipStatistics now = Statistics;
            mostHalfOpen = Math.Max(mostHalfOpen, now.FlowsHalfOpen);
            mostPending = Math.Max(mostPending, now.FlowsPending);
            if (i == 100)
            {
                full = now.NativeBytesPeak;
                managed = GC.GetTotalMemory(forceFullCollection: true);
            }

            if (i % 200 == 150)
            {
                // An application connects, and the flow that was there before carries data.
                FakeUpstream fresh = new();
                Dialer.OnDial = (_, _) => new ValueTask<StreamConnection>(fresh);
                TcpPeer peer = Link.CreatePeer(Server4);
                peer.AllowRetransmissions = true;
                connects += await peer.ConnectAsync() ? 1 : 0;
                await peer.SendAsync(data);
                await fresh.Received.ReadAtLeastAsync(data.Length).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
                dialsOfHonest++;
                Dialer.OnDial = (_, token) => HangAsync(token);
                peer.SendReset();
                await established.SendAsync(data);
                ReadResult received = await upstream.Received.ReadAtLeastAsync(data.Length).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
                upstream.Received.AdvanceTo(received.Buffer.End);
            }
        }

        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        LwipStatistics after = Statistics;
        long dials = Dialer.Calls - dialsBefore;
        long grown = GC.GetTotalMemory(forceFullCollection: true) - managed;
        TestContext.Out.WriteLine($"{Count / seconds / 1000:F0} thousand SYNs a second; half-open {mostHalfOpen}, pending {mostPending} at most; {dials} dials; native bytes {full} with full caps, {after.NativeBytesPeak} at most; {grown} managed bytes more");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(after.PacketsIn, Is.GreaterThanOrEqualTo(Count));
            Assert.That(connects, Is.EqualTo(dialsOfHonest).And.EqualTo(5));
            Assert.That(mostHalfOpen, Is.LessThanOrEqualTo(1024));
            Assert.That(mostPending, Is.LessThanOrEqualTo(1024));
            Assert.That(after.NativeBytesPeak - full, Is.LessThan(OneMegabyte));
            Assert.That(grown, Is.LessThan(OneMegabyte));
            if (mode != AcceptMode.DialFirst)
                Assert.That(dials, Is.EqualTo(dialsOfHonest), "no dial before the third segment of a handshake");
            else
                Assert.That(dials, Is.LessThanOrEqualTo(1024 + (5 * 256) + 10), "the burst, and the rate");
            Assert.That(after.Asserts + after.UnexpectedExceptions, Is.Zero);
        }
    }

    private static async ValueTask<StreamConnection> HangAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource<StreamConnection> never = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (cancellationToken.UnsafeRegister(_ => never.TrySetCanceled(cancellationToken), null))
            return await never.Task;
    }

    private async Task FloodAsync(int first)
    {
        for (int i = 0; i < Batch; i++)
            Readdress(_syns[i], first + i);
        await Device.WriteBatchAsync(_syns.Select(static syn => new PacketBuffer(syn) { Length = syn.Length }).ToArray());
    }

    /// <summary>Another source, and the checksums that go with it (RFC 1624).</summary>
    private static void Readdress(byte[] syn, int number)
    {
        const int IPChecksum = 10;
        const int Source = 14; // the lower three bytes are the number, of which the uppermost stands beside the network
        const int TcpChecksum = 36;
        ushort high = (ushort)((11 << 8) | (number >> 16 & 0xFF));
        ushort low = (ushort)number;
        Span<byte> packet = syn;
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
