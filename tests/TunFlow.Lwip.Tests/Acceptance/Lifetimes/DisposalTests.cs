using System.Diagnostics;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Leaks;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>The end of a device in the middle of its work.</summary>
[TestFixture]
internal sealed class DisposalTests
{
    private static readonly IPEndPoint s_server = IPEndPoint.Parse("93.184.216.34:80");

    [SetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [Weakness(14)]
    [Category("Lifetime")]
    [Test]
    public async Task Every_application_hears_of_it_before_the_reads_end_and_every_upstream_and_sender_once()
    {
        const int count = 50;
        FakeDialer dialer = new();
        FakePacketProxy proxy = new();
        LwipDevice device = new(dialer, proxy);
        PacketLink link = new(device);
        TcpPeer[] peers = await ConnectAsync(link, count);
        await Eventually.HoldsAsync(() => device.GetStatistics().DialsSucceeded == count && dialer.Upstreams.Count == count, "all upstreams");
        for (int i = 0; i < count; i++)
            link.Send(PacketBuilder.UdpDatagram(new IPEndPoint(IPAddress.Parse("10.9.0.2"), 5000 + i), s_server, "x"u8));
        await Eventually.HoldsAsync(() => device.GetStatistics().DatagramsDown == count, "all sessions");
        SilentProxy silent = new();
        device.SetPacketProxy(silent);
        link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:4999"), s_server, "x"u8));
        await Eventually.HoldsAsync(() => silent.Receiver is not null, "a session that never disposes its receiver");

        long start = Stopwatch.GetTimestamp();
        // From many threads at once, none of which may see an exception.
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(async () => await device.DisposeAsync())));
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        // The link's reads end behind the last packet, and the peers know of the end when they do.
        await link.Completion.WaitAsync(TimeSpan.FromSeconds(5));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(elapsed, Is.LessThan(TimeSpan.FromSeconds(1)));
            Assert.That(peers.Count(static peer => peer.WasReset), Is.EqualTo(count), "RSTs");
            Assert.That(dialer.Upstreams.Count(static upstream => upstream is { Disposals: 1, Aborts: 1 }), Is.EqualTo(count), "upstreams aborted and disposed once");
            Assert.That(proxy.Sessions.Count(static session => session.Disposals == 1), Is.EqualTo(count), "senders disposed once");
        }

        await AssertClosedAsync(device, silent.Receiver!);
        await device.DisposeAsync();
    }

    [AcceptanceRow(9)]
    [Test]
    public async Task Disposal_during_a_thousand_transfers_takes_two_seconds_at_most_and_leaves_nothing()
    {
        for (int round = 0; round < Campaign.Rounds(1, 1000); round++)
        {
            ProcessResources before = ProcessResources.Count();
            await DisposeDuringTransfersAsync(1000);
            await Eventually.HoldsAsync(() => ProcessResources.Count().MoreThan(before) is null, "stacks, native bytes, descriptors and threads are given back");
        }
    }

    [AcceptanceRow(9)]
    [Category("Lifetime")]
    [Test]
    public async Task A_device_that_closes_in_the_middle_of_a_transfer_ends_the_tunnel_and_its_streams()
    {
        for (int round = 0; round < Campaign.Rounds(8, 1000); round++)
        {
            (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
            FakeDialer dialer = new();
            Tunnel tunnel = Tunnel.Start(near, dialer, new FakePacketProxy());
            PacketLink link = new(far);
            TcpPeer[] peers = await ConnectAsync(link, 10);
            await Eventually.HoldsAsync(() => dialer.Upstreams.Count == 10, "all upstreams");
            Task[] transfers = [.. peers.Select(peer => UploadAsync(peer)), .. dialer.Upstreams.Select(DownloadAsync)];
            await Eventually.HoldsAsync(() => tunnel.GetStatistics().Stack.StreamBytesUp > 100_000, "transfers");

            long start = Stopwatch.GetTimestamp();
            await near.DisposeAsync();
            await tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10));
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            await far.DisposeAsync();
            await Task.WhenAll(transfers).WaitAsync(TimeSpan.FromSeconds(10));

            Assert.That(elapsed, Is.LessThan(TimeSpan.FromSeconds(2)));
            await Eventually.HoldsAsync(() => dialer.Upstreams.All(static upstream => upstream is { Disposals: 1, Aborts: 1 }), "aborted and disposed upstreams");
            Assert.That(tunnel.GetStatistics().Stack, Has.Property(nameof(LwipStatistics.Flows)).Zero);
            await tunnel.DisposeAsync();
        }
    }

    private static async Task DisposeDuringTransfersAsync(int flows)
    {
        FakeDialer dialer = new();
        LwipDevice device = new(dialer, new FakePacketProxy());
        PacketLink link = new(device);
        TcpPeer[] peers = await ConnectAsync(link, flows);
        await Eventually.HoldsAsync(() => dialer.Upstreams.Count == flows, "all upstreams");
        Task[] transfers = [.. peers.Select(peer => UploadAsync(peer)), .. dialer.Upstreams.Select(DownloadAsync)];
        await Eventually.HoldsAsync(() => device.GetStatistics() is { StreamBytesUp: > 1_000_000, StreamBytesDown: > 1_000_000 }, "transfers");

        long start = Stopwatch.GetTimestamp();
        await device.DisposeAsync();
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        await link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        await Task.WhenAll(transfers).WaitAsync(TimeSpan.FromSeconds(30));

        TestContext.Out.WriteLine($"disposal during {flows} transfers: {elapsed.TotalMilliseconds:F0} ms");
        Assert.That(elapsed, Is.LessThan(TimeSpan.FromSeconds(2)));
        await Eventually.HoldsAsync(() => dialer.Upstreams.All(static upstream => upstream is { Disposals: 1, Aborts: 1 }), "aborted and disposed upstreams");
        Assert.That(peers.Count(static peer => peer.WasReset), Is.EqualTo(flows), $"applications that got an RST; {device.GetStatistics()}");
        Assert.That(device.GetStatistics(), Has.Property(nameof(LwipStatistics.Flows)).Zero);
        Assert.That(device.IsReleased, Is.True);
    }

    private static async Task<TcpPeer[]> ConnectAsync(PacketLink link, int count)
    {
        TcpPeer[] peers = new TcpPeer[count];
        for (int i = 0; i < count; i++)
        {
            peers[i] = link.CreatePeer(s_server, new IPEndPoint(IPAddress.Parse("10.9.0.2"), 10_000 + i));
            peers[i].AllowRetransmissions = true;
            Assert.That(await peers[i].ConnectAsync(), Is.True);
        }

        return peers;
    }

    /// <summary>Sends until the connection ends.</summary>
    private static async Task UploadAsync(TcpPeer peer)
    {
        byte[] data = new byte[32 * 1024];
        try
        {
            while (!peer.WasReset && !peer.LinkEnded)
            {
                // Windows may stay closed: nobody reads much up there.
                await peer.SendAsync(data, TimeSpan.FromSeconds(30));
            }
        }
        catch (IOException)
        {
            // Reset, as it should be.
        }
    }

    /// <summary>Answers, and reads, until the upstream ends.</summary>
    private static async Task DownloadAsync(FakeUpstream upstream)
    {
        byte[] data = new byte[16 * 1024];
        while (!upstream.Ended.IsCompleted)
        {
            await Task.WhenAny(upstream.Answers.WriteAsync(data).AsTask(), upstream.Ended);
            if (upstream.Received.TryRead(out System.IO.Pipelines.ReadResult result))
                upstream.Received.AdvanceTo(result.Buffer.End);
        }
    }

    private static async Task AssertClosedAsync(LwipDevice device, IPacketResponseReceiver receiver)
    {
        byte[] packet = PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:1"), s_server, "late"u8);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(async () => await device.WriteAsync(packet), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(async () => await device.WriteBatchAsync(new PacketBuffer[] { new(packet) { Length = packet.Length } }), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(async () => await receiver.WriteFromAsync(packet, s_server), Throws.TypeOf<NetworkException>().With.Property("Error").EqualTo(NetworkError.Closed));
            // Closed by its owner; a reader is told by the end.
            Assert.That(await device.ReadAsync(new byte[2000]), Is.Zero);
            Assert.That(await device.ReadBatchAsync(new PacketBuffer[] { new(new byte[2000]) }), Is.Zero);
            Assert.That(() => device.SetDialer(new FakeDialer(), ExistingFlows.Reset), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => device.SetPacketProxy(new FakePacketProxy(), ExistingFlows.Reset), Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => device.SetMtu(1400), Throws.TypeOf<ObjectDisposedException>());
            // What the system's events call finds nothing to do.
            Assert.That(device.AbortAll, Throws.Nothing);
            Assert.That(device.OnResume, Throws.Nothing);
            Assert.That(device.GetFlows(), Is.Empty);
        }
    }

    /// <summary>Leaves its receivers to the device.</summary>
    private sealed class SilentProxy : IPacketProxy, IPacketRequestSender
    {
        public IPacketResponseReceiver? Receiver { get; private set; }

        public ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
        {
            Receiver = receiver;
            return new ValueTask<IPacketRequestSender>(this);
        }

        public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
