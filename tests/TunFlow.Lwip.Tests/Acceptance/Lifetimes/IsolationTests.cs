using System.IO.Pipelines;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>As many stacks as a process can have, with the same addresses everywhere.</summary>
[TestFixture]
internal sealed class IsolationTests
{
    private const int Length = 300_000;

    private static readonly IPEndPoint s_server = IPEndPoint.Parse("93.184.216.34:80");
    private static readonly IPEndPoint s_app = IPEndPoint.Parse("10.9.0.2:40000");

    [Weakness(15)]
    [AcceptanceRow(33)]
    [Test]
    public async Task Stacks_with_the_same_connections_see_only_their_own_bytes()
    {
        NativeLibraryRequirement.Check();
        int count = Interop.NativeLibraryInfo.StackLimit;
        Assert.That(count, Is.GreaterThanOrEqualTo(16).Or.EqualTo(2), "the build's stacks; 2 under sanitizers");
        World[] worlds = [.. Enumerable.Range(0, count).Select(static number => new World(number))];

        // All at once, and the odd ones end while the others transfer.
        await Task.WhenAll(worlds.Select(static world => world.OpenAsync()));
        Task[] transfers = [.. worlds.Where(static world => world.Number % 2 == 0).Select(static world => world.TransferAsync())];
        Task[] disposals = [.. worlds.Where(static world => world.Number % 2 == 1).Select(static world => world.DisposeInTheMiddleAsync())];
        await Task.WhenAll(disposals).WaitAsync(TimeSpan.FromSeconds(30));
        await Task.WhenAll(transfers).WaitAsync(TimeSpan.FromSeconds(60));

        // Their places are free again, beside those that go on.
        World another = new(count);
        await another.OpenAsync();
        await another.TransferAsync();
        foreach (World world in worlds.Append(another))
            await world.EndAsync();
    }

    private sealed class World
    {
        private readonly FakeDialer _dialer = new();
        private readonly FakePacketProxy _proxy = new();
        private readonly LwipDevice _device;
        private readonly PacketLink _link;
        private readonly byte[] _up = new byte[Length];
        private readonly byte[] _down = new byte[Length];
        private TcpPeer _peer = null!;
        private FakeUpstream _upstream = null!;

        public World(int number)
        {
            Number = number;
            new Random(number).NextBytes(_up);
            new Random(1000 + number).NextBytes(_down);
            _proxy.OnDatagram = (session, _, destination) => session.Receiver.WriteFromAsync(new[] { (byte)number }, destination);
            _device = new LwipDevice(_dialer, _proxy);
            _link = new PacketLink(_device);
        }

        public int Number { get; }

        public async Task OpenAsync()
        {
            _peer = _link.CreatePeer(s_server, s_app);
            _peer.AllowRetransmissions = true;
            Assert.That(await _peer.ConnectAsync(TimeSpan.FromSeconds(30)), Is.True);
            await Eventually.HoldsAsync(() => _dialer.Upstreams.TryDequeue(out _upstream!), "the upstream");
            _link.Send(PacketBuilder.UdpDatagram(s_app, s_server, "who?"u8));
            Assert.That((await _link.NextAsync()).Payload.ToArray(), Is.EqualTo(new[] { (byte)Number }), "the session's own answer");
        }

        public async Task TransferAsync()
        {
            Task sending = _peer.SendAsync(_up, TimeSpan.FromSeconds(60));
            Task answering = _upstream.Answers.WriteAsync(_down).AsTask();
            byte[] received = new byte[Length];
            using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
            await _upstream.Received.AsStream(leaveOpen: true).ReadExactlyAsync(received, patience.Token);
            byte[] answer = await _peer.ReceiveAsync(Length, TimeSpan.FromSeconds(60));
            await Task.WhenAll(sending, answering);
            Assert.That((received.AsSpan().SequenceEqual(_up), answer.AsSpan().SequenceEqual(_down)), Is.EqualTo((true, true)), $"the bytes of stack {Number}");
            LwipStatistics statistics = _device.GetStatistics();
            Assert.That((statistics.FlowsOpened, statistics.SessionsOpened, statistics.StreamBytesUp, _dialer.Calls, _peer.WasReset), Is.EqualTo((1L, 1L, (long)Length, 1, false)));
        }

        public async Task DisposeInTheMiddleAsync()
        {
            await _peer.SendAsync(_up.AsMemory(0, 50_000));
            await _device.DisposeAsync();
            await _peer.WaitResetAsync();
        }

        public async Task EndAsync()
        {
            await _device.DisposeAsync();
            await _link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
            Assert.That((_device.GetStatistics().Asserts, _upstream.Disposals), Is.EqualTo((0L, 1)));
        }
    }
}
