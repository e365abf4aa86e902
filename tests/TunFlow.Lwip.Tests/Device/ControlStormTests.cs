using System.Collections.Concurrent;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>Everything that an application may change while flows live, changed all the time while eight threads open, write, half-close and abort.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class ControlStormTests
{
    private const int Threads = 8;

    /// <summary>How long an application waits for what a lost packet may have been: it sends nothing again.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentBag<FakePacketProxy> _proxies = [];
    private readonly ConcurrentBag<FakeUpstream> _upstreams = [];
    private readonly ConcurrentBag<MemoryDevice> _devices = [];
    private readonly Counts _counts = new();

    private static TimeSpan Duration =>
        Environment.GetEnvironmentVariable("TUNFLOW_CAMPAIGN") == "1" ? TimeSpan.FromMinutes(1) : TimeSpan.FromSeconds(3);

    [Weakness(4)]
    [AcceptanceRow(37)]
    [Test]
    [CancelAfter(180_000)]
    public async Task Swaps_aborts_and_resumes_under_load_leave_nothing_behind()
    {
        NativeLibraryRequirement.Check();
        SwitchedDevice applications = new(NewDevice(1500, out MemoryDevice near));
        StormDialer chosen = NewDialer();
        Tunnel tunnel = Tunnel.Start(near, NewDialer(), NewProxy(), new TunnelOptions
        {
            DisposeDevice = true,
            Stack = new LwipDeviceOptions
            {
                UdpIdleTimeout = TimeSpan.FromMilliseconds(300),
                LingerTimeout = TimeSpan.FromSeconds(1),
                FirstPayloadTimeout = TimeSpan.FromMilliseconds(20),
                TimeWait = TimeSpan.FromMilliseconds(100),
                MaxPendingDials = 64,
                MaxPendingDialsPerSource = 16,
                Policy = (flow, token) => DecideAsync(flow, chosen, token),
            },
        });
        await using (tunnel)
        {
            long baseline = tunnel.GetStatistics().Stack.NativeBytes;
            PacketLink link = new(applications);
            using CancellationTokenSource stop = new(Duration);
            Task[] lives = [.. Enumerable.Range(0, Threads).Select(i => Task.Run(() => LiveAsync(link, new Random(i), i, stop.Token)))];
            await ControlAsync(tunnel, applications, new Random(99), stop.Token);
            await Task.WhenAll(lives).WaitAsync(TimeSpan.FromSeconds(30));
            if (link.Completion.IsCompleted)
                await link.Completion;
            Assert.That(link.Completion.IsCompleted, Is.False, "the applications' side lasted to the end");

            // Flows whose last packets were lost with a device would stay for ever, as on any network.
            tunnel.Stack.AbortAll();
            await Eventually.HoldsAsync(() => tunnel.Stack.GetStatistics() is { Flows: 0, Sessions: 0 }, "all flows and sessions are gone", 30_000);
            await Eventually.HoldsAsync(() => tunnel.Stack.GetStatistics().NativeBytes == baseline, "all native memory of flows and sessions is free", 30_000);
            TestContext.Out.WriteLine($"{_counts.Connected} of {_counts.Attempts} connected, {_upstreams.Count} upstreams, {_counts.Controls} changes; {tunnel.Stack.GetStatistics().Drops}");
        }

        LwipStatistics final = tunnel.Stack.GetStatistics();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((final.Flows, final.Sessions, final.FlowsPending, final.FlowsHalfOpen, final.FlowsTimeWait), Is.EqualTo((0, 0, 0, 0, 0)));
            Assert.That(final.Asserts, Is.Zero);
            Assert.That(final.Dials, Is.EqualTo(final.DialsSucceeded + final.DialsFailed), "every dial ended once");
            Assert.That(_counts.Connected, Is.Positive);
            Assert.That(tunnel.Stack.IsReleased, Is.True);
        }

        await Eventually.HoldsAsync(() => _upstreams.All(static upstream => upstream.Disposals != 0), "every upstream disposed");
        await Eventually.HoldsAsync(() => _proxies.SelectMany(static proxy => proxy.Sessions).All(static session => session.Disposals != 0), "every sender disposed");
        Assert.That(_upstreams.Count(static upstream => upstream.Disposals != 1), Is.Zero, "upstreams disposed twice");
        Assert.That(_proxies.SelectMany(static proxy => proxy.Sessions).Count(static session => session.Disposals != 1), Is.Zero, "senders disposed twice");
        foreach (MemoryDevice device in _devices)
            await device.DisposeAsync();
    }

    private static async ValueTask<FlowDecision> DecideAsync(FlowInfo flow, IStreamDialer chosen, CancellationToken cancellationToken)
    {
        int fate = flow.Source.Port % 16;
        if (fate is 0 or 1)
            await Task.Delay(fate + 1, cancellationToken);
        return fate switch
        {
            1 or 2 or 3 or 4 => FlowDecision.Accept with { AcceptMode = AcceptMode.AcceptFirst },
            5 or 6 or 7 => FlowDecision.Accept with { AcceptMode = AcceptMode.DialAtFirstPayload },
            8 => FlowDecision.AcceptWith(chosen),
            9 => FlowDecision.Refuse,
            10 => throw new InvalidOperationException("a bug in a policy"),
            _ => FlowDecision.Accept,
        };
    }

    private async Task ControlAsync(Tunnel tunnel, SwitchedDevice applications, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            ExistingFlows existing = (ExistingFlows)random.Next(2);
            switch (random.Next(12))
            {
                case 0 or 1:
                    tunnel.Stack.SetDialer(NewDialer(), existing);
                    break;
                case 2:
                    // Two at once: whoever is later in time, not in the list of flows, decides.
                    await Task.WhenAll(
                        Task.Run(() => tunnel.Stack.SetDialer(NewDialer(), ExistingFlows.Reset), CancellationToken.None),
                        Task.Run(() => tunnel.Stack.SetDialer(NewDialer(), existing), CancellationToken.None));
                    break;
                case 3 or 4:
                    tunnel.Stack.SetPacketProxy(NewProxy(), existing);
                    break;
                case 5:
                    tunnel.Stack.OnResume();
                    break;
                case 6:
                    tunnel.Stack.SetMtu(random.Next(1280, 9001));
                    break;
                case 7 when random.Next(4) == 0:
                    tunnel.Stack.AbortAll();
                    break;
                case 8 when random.Next(4) == 0:
                    applications.Switch(NewDevice(random.Next(1500, 3001), out MemoryDevice near));
                    await tunnel.ReplaceDeviceAsync(near, CancellationToken.None);
                    break;
                default:
                    Assert.That(tunnel.Stack.GetFlows().Select(static flow => flow.Id), Is.Unique);
                    break;
            }

            _counts.Control();
            await Task.Delay(random.Next(1, 10), CancellationToken.None);
        }
    }

    private async Task LiveAsync(PacketLink link, Random random, int number, CancellationToken stop)
    {
        IPEndPoint server = IPEndPoint.Parse(number % 2 == 0 ? "192.0.2.1:80" : "[2001:db8::1]:80");
        IPAddress own = IPAddress.Parse($"{(number % 2 == 0 ? "10.9.0." : "fd09::")}{4 + number}");
        byte[] data = new byte[30_000];
        for (int i = 0; !stop.IsCancellationRequested; i++)
        {
            byte[] datagram = new byte[1 + random.Next(1200)];
            random.NextBytes(datagram);
            link.Send(PacketBuilder.UdpDatagram(new IPEndPoint(own, 30_000 + random.Next(32)), server, datagram));
            TcpPeer peer = link.CreatePeer(server, new IPEndPoint(own, 1024 + (i % 20_000)));
            peer.AllowRetransmissions = true;
            try
            {
                await LiveOnceAsync(peer, random.Next(6), data.AsMemory(0, random.Next(data.Length)));
            }
            catch (Exception exception) when (exception is TimeoutException or IOException)
            {
                // A packet was lost with its device, or the flow was reset.
                peer.SendReset();
            }

            peer.Forget();
        }
    }

    private async Task LiveOnceAsync(TcpPeer peer, int fate, ReadOnlyMemory<byte> data)
    {
        _counts.Attempt();
        if (!await peer.ConnectAsync(s_patience))
            return;
        _counts.Connect();
        if (fate != 0)
            await peer.SendAsync(data, s_patience);
        switch (fate)
        {
            case 0 or 1:
                peer.SendReset();
                break;
            case 2:
                peer.SendFin();
                break;
            case 3:
                break;
            default:
                peer.SendFin();
                await peer.WaitAsync(() => peer.FinReceived || peer.WasReset || peer.LinkEnded, s_patience);
                break;
        }
    }

    private StormDialer NewDialer() => new(_upstreams);

    private FakePacketProxy NewProxy()
    {
        FakePacketProxy proxy = new() { OnDatagram = StormDatagrams.EchoOrFail, Records = false };
        _proxies.Add(proxy);
        return proxy;
    }

    private MemoryDevice NewDevice(int mtu, out MemoryDevice near)
    {
        (near, MemoryDevice far) = MemoryDevice.CreatePair(new MemoryDeviceOptions { Mtu = mtu });
        _devices.Add(near);
        _devices.Add(far);
        return far;
    }

    private sealed class Counts
    {
        private int _attempts;
        private int _connected;
        private int _controls;

        public int Attempts => Volatile.Read(ref _attempts);

        public int Connected => Volatile.Read(ref _connected);

        public int Controls => Volatile.Read(ref _controls);

        public void Attempt() => Interlocked.Increment(ref _attempts);

        public void Connect() => Interlocked.Increment(ref _connected);

        public void Control() => Interlocked.Increment(ref _controls);
    }
}
