using System.Collections.Concurrent;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>
/// Eight threads open, write, half-close, abort, dispose and swap dialers of whichever device there is just now, while another thread
/// replaces the device, and one collects garbage all the time. Under sanitizers this is the hunt for memory that is used after its end.
/// </summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class DeviceStormTests
{
    private const int Threads = 8;

    private static readonly IPEndPoint s_server = IPEndPoint.Parse("192.0.2.1:80");

    private readonly ConcurrentBag<FakeUpstream> _upstreams = [];
    private readonly ConcurrentBag<FakePacketProxy> _proxies = [];
    private readonly ConcurrentBag<World> _worlds = [];
    private World _current = null!;
    private long _acts;

    private static TimeSpan Duration => Campaign.IsOn ? TimeSpan.FromMinutes(1) : TimeSpan.FromSeconds(3);

    [SetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [Weakness(4)]
    [AcceptanceRow(31)]
    [Test]
    [CancelAfter(180_000)]
    public async Task Devices_that_end_amid_everything_leave_nothing_behind()
    {
        _current = NewWorld();
        using CancellationTokenSource stop = new(Duration);
        Task collecting = Task.Factory.StartNew(() => CollectAsync(stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        Task[] acting = [.. Enumerable.Range(0, Threads).Select(i => Task.Run(() => ActAsync(new Random(i), i, stop.Token)))];
        await ReplaceAsync(new Random(99), stop.Token);
        await Task.WhenAll(acting).WaitAsync(TimeSpan.FromSeconds(60));
        await collecting;
        await _current.EndAsync();

        await Eventually.HoldsAsync(() => _worlds.All(static world => world.Device.IsReleased), "release of all stacks", 30_000);
        await Eventually.HoldsAsync(() => _upstreams.All(static upstream => upstream.Disposals == 1), "one disposal of each upstream");
        FakeSession[] sessions = [.. _proxies.SelectMany(static proxy => proxy.Sessions)];
        await Eventually.HoldsAsync(() => sessions.All(static session => session.Disposals == 1), "one disposal of each sender");
        LwipStatistics[] last = [.. _worlds.Select(static world => world.Device.GetStatistics())];
        TestContext.Out.WriteLine($"{_acts} acts on {last.Length} devices: {last.Sum(static l => l.FlowsOpened)} flows, {sessions.Length} sessions, {_upstreams.Count} upstreams");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(last.Sum(static l => l.Asserts), Is.Zero);
            Assert.That(last.Sum(static l => l.Flows + l.Sessions), Is.Zero);
            Assert.That(last, Has.Length.GreaterThan(5), "devices");
            Assert.That(last.Sum(static l => l.FlowsOpened), Is.GreaterThan(100), "flows");
            Assert.That(sessions, Is.Not.Empty);
        }
    }

    [Weakness(4)]
    [Test]
    public async Task Disposals_at_once_meet_input_output_and_timers()
    {
        for (int round = 0; round < Campaign.Rounds(50, 5000); round++)
        {
            World world = NewWorld();
            using CancellationTokenSource stop = new();
            Task[] acting = [.. Enumerable.Range(0, 3).Select(i => Task.Run(() => PressAsync(world, new Random((round * 10) + i), i, stop.Token)))];
            await Task.Delay(round % 10, CancellationToken.None);
            await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () => await world.Device.DisposeAsync()))).WaitAsync(TimeSpan.FromSeconds(10));
            await stop.CancelAsync();
            await Task.WhenAll(acting).WaitAsync(TimeSpan.FromSeconds(30));
            await world.EndAsync();
            await Eventually.HoldsAsync(() => world.Device.IsReleased, "release of the stack");
        }

        await Eventually.HoldsAsync(() => _upstreams.All(static upstream => upstream.Disposals == 1), "one disposal of each upstream");
    }

    private static async Task CollectAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(1, CancellationToken.None);
        }
    }

    private async Task ReplaceAsync(Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(random.Next(100), CancellationToken.None);
            // Builds for sanitizers have two stacks only.
            await Eventually.HoldsAsync(static () => Interop.StackHandleStatistics.Alive < Interop.NativeLibraryInfo.StackLimit, "a stack that is free");
            // The earlier one ends while the next one serves, and while all threads still use it.
            World earlier = Interlocked.Exchange(ref _current, NewWorld());
            await Task.WhenAll(Enumerable.Range(0, random.Next(1, 5)).Select(_ => Task.Run(async () => await earlier.Device.DisposeAsync())));
            await earlier.EndAsync();
        }
    }

    private async Task ActAsync(Random random, int number, CancellationToken stop)
    {
        List<(World World, TcpPeer Peer)> peers = [];
        while (!stop.IsCancellationRequested)
        {
            World world = Volatile.Read(ref _current);
            Interlocked.Increment(ref _acts);
            if (peers.Count < 4 || random.Next(3) == 0)
                peers.Add((world, await OpenAsync(world, random, number)));
            int chosen = random.Next(peers.Count);
            if (!await TryActAsync(peers[chosen].World, peers[chosen].Peer, random))
            {
                peers[chosen].Peer.Forget();
                peers.RemoveAt(chosen);
            }
        }
    }

    private async Task PressAsync(World world, Random random, int number, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            TcpPeer peer = await OpenAsync(world, random, number);
            while (!stop.IsCancellationRequested && await TryActAsync(world, peer, random))
            {
            }
        }
    }

    private static async Task<TcpPeer> OpenAsync(World world, Random random, int number)
    {
        TcpPeer peer = world.Link.CreatePeer(s_server, new IPEndPoint(IPAddress.Parse($"10.9.0.{10 + number}"), world.NextPort()));
        peer.AllowRetransmissions = true;
        peer.SendSyn();
        if (random.Next(4) != 0)
            await WaitAsync(peer, () => peer.IsOpen);
        return peer;
    }

    /// <summary>False if the device was disposed meanwhile.</summary>
    private static bool TryChange(Action change)
    {
        try
        {
            change();
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>One thing that may happen to a device and a connection. False when the connection is of no more use.</summary>
    private async Task<bool> TryActAsync(World world, TcpPeer peer, Random random)
    {
        switch (random.Next(16))
        {
            case 0:
                peer.SendReset();
                return false;
            case 1:
                peer.SendFin();
                await WaitAsync(peer, () => peer.FinReceived);
                return false;
            case 2:
                return TryChange(() => world.Device.SetDialer(NewDialer(), (ExistingFlows)random.Next(2)));
            case 3:
                return TryChange(() => world.Device.SetPacketProxy(NewProxy(), (ExistingFlows)random.Next(2)));
            case 4 when random.Next(8) == 0:
                world.Device.AbortAll();
                break;
            case 5:
                world.Device.OnResume();
                break;
            case 6:
                _ = (world.Device.GetFlows(), world.Device.GetStatistics());
                break;
            case 7 when _upstreams.TryPeek(out FakeUpstream? upstream):
                // The server's end, of anybody's flow.
                upstream.ReadError = new NetworkException(NetworkError.ConnectionReset);
                await upstream.Answers.CompleteAsync();
                break;
            case 8 or 9:
                byte[] datagram = new byte[1 + random.Next(1200)];
                random.NextBytes(datagram);
                world.Link.Send(PacketBuilder.UdpDatagram(new IPEndPoint(peer.Local.Address, 30_000 + random.Next(16)), s_server, datagram));
                break;
            default:
                try
                {
                    if (peer.IsOpen)
                        await peer.SendAsync(new byte[random.Next(20_000)], TimeSpan.FromMilliseconds(200));
                }
                catch (Exception exception) when (exception is IOException or TimeoutException)
                {
                    // Reset, or its window is closed; neither is of interest here.
                }

                break;
        }

        return !peer.WasReset && !peer.LinkEnded;
    }

    private static async Task WaitAsync(TcpPeer peer, Func<bool> condition)
    {
        try
        {
            await peer.WaitAsync(() => condition() || peer.WasReset || peer.LinkEnded || peer.Unreachable is not null, TimeSpan.FromMilliseconds(200));
        }
        catch (TimeoutException)
        {
            // Its answer was lost with its device.
        }
    }

    private StormDialer NewDialer() => new(_upstreams);

    private FakePacketProxy NewProxy()
    {
        FakePacketProxy proxy = new() { OnDatagram = StormDatagrams.EchoOrFail, Records = false };
        _proxies.Add(proxy);
        return proxy;
    }

    private World NewWorld()
    {
        World world = new(new LwipDevice(NewDialer(), NewProxy(), new LwipDeviceOptions
        {
            UdpIdleTimeout = TimeSpan.FromMilliseconds(50),
            DnsIdleTimeout = TimeSpan.FromMilliseconds(50),
            LingerTimeout = TimeSpan.FromMilliseconds(500),
            TimeWait = TimeSpan.FromMilliseconds(50),
            MaxSessions = 64,
        }));
        _worlds.Add(world);
        return world;
    }

    private sealed class World(LwipDevice device)
    {
        private int _nextPort = 1024;

        public LwipDevice Device { get; } = device;

        public PacketLink Link { get; } = new(device);

        public int NextPort() => 1024 + (Interlocked.Increment(ref _nextPort) % 60_000);

        public async Task EndAsync()
        {
            await Device.DisposeAsync();
            await Link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        }
    }
}
