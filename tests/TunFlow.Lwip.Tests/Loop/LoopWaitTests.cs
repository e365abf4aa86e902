using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Devices;
using TunFlow.Devices.Linux.Native;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>What an engine that waits must not miss, and what a flow must not hold while it waits.</summary>
[TestFixture]
[Platform("Linux")]
[SupportedOSPlatform("linux")]
[CancelAfter(60_000)]
internal sealed class LoopWaitTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    [Test]
    public async Task A_device_that_its_owner_disposes_ends_the_tunnel_though_the_engine_sleeps()
    {
        NativeLibraryRequirement.Check();
        using Socket listener = TcpLoopback.Listen();
        for (int round = 0; round < 100; round++)
        {
            (LinuxTunDevice near, LinuxTunDevice far) = LoopWorld.CreatePair();
            await using (far)
            {
                Tunnel tunnel = Tunnel.Start(near, new PlainDialer(listener.LocalEndPoint!), new FakePacketProxy());
                // Asleep by then.
                await Task.Delay(10);
                await near.DisposeAsync();
                bool ended = await Task.WhenAny(tunnel.Completion, Task.Delay(s_limit)) == tunnel.Completion;
                await tunnel.DisposeAsync();
                Assert.That(ended, Is.True, $"the tunnel's end in round {round}");
            }
        }
    }

    [TestCase(true, 16_384)]
    [TestCase(true, 16_383)]
    public async Task A_silent_upstream_holds_no_block_whatever_the_length_of_its_last_answer(bool loop, int length)
    {
        await using LoopWorld world = new(server => new PlainDialer(server, loop ? null : static (_, _) => { }));
        (TcpPeer peer, Socket server) = await world.OpenAsync();
        using (server)
        {
            await server.SendAsync(new byte[length]);
            Assert.That(await peer.ReceiveAsync(length), Has.Length.EqualTo(length));
            await Task.Delay(500);
            long held = world.Tunnel.GetFlows()[0].NativeBytes;
            long all = world.Tunnel.GetStatistics().Stack.NativeBytes;
            TestContext.Out.WriteLine($"flow {held}, stack {all}");
            await peer.SendAsync("more"u8.ToArray());
            await peer.WaitAcknowledgedAsync();
            await server.SendAsync(new byte[10]);
            Assert.That(await peer.ReceiveAsync(10), Has.Length.EqualTo(10));
            await Task.Delay(500);
            long later = world.Tunnel.GetStatistics().Stack.NativeBytes;
            Assert.That(all, Is.LessThan(later + 4096), "what the stack holds for a silent flow");
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Urgent_data_once_makes_no_block_wait_for_ever(bool loop)
    {
        await using LoopWorld world = new(server => new PlainDialer(server, loop ? null : static (_, _) => { }));
        (TcpPeer peer, Socket server) = await world.OpenAsync();
        using (server)
        {
            await Task.Delay(300);
            long before = world.Tunnel.GetStatistics().Stack.NativeBytes;
            await server.SendAsync("X"u8.ToArray(), SocketFlags.OutOfBand);
            await server.SendAsync(new byte[10]);
            Assert.That(await peer.ReceiveAsync(10), Has.Length.EqualTo(10));
            await Task.Delay(500);
            Assert.That(world.Tunnel.GetStatistics().Stack.NativeBytes, Is.LessThan(before + 4096), "what the stack holds for a silent flow");
        }
    }

    [Test]
    public async Task A_read_without_a_buffer_waits_though_an_edge_of_data_that_was_read_already_comes_late()
    {
        using Socket listener = TcpLoopback.Listen();
        using EventLoop events = new();
        Task<StreamConnection> dial = LoopDialer.DialAsync(new TcpDialer(), (IPEndPoint)listener.LocalEndPoint!, events, new PoolLoop(), CancellationToken.None);
        while (!dial.IsCompleted)
        {
            events.Wait(block: false);
            await Task.Delay(5);
        }

        await using StreamConnection connection = await dial;
        using Socket server = await listener.AcceptAsync();
        await server.SendAsync(new byte[5]);
        await Task.Delay(50);
        events.Wait(block: false);
        // The second piece comes between the wait and the read, which takes both.
        await server.SendAsync(new byte[5]);
        await Task.Delay(50);
        Assert.That(await connection.ReadAsync(new byte[100]), Is.EqualTo(10));
        events.Wait(block: false);
        Task<int> silent = connection.ReadAsync(Memory<byte>.Empty).AsTask();
        bool waits = !silent.IsCompleted;
        await server.SendAsync(new byte[5]);
        await Task.Delay(50);
        events.Wait(block: false);
        await silent.WaitAsync(s_limit);
        Assert.That(waits, Is.True, "waits without a buffer");
    }

    [Test]
    public async Task A_wait_ends_for_each_of_its_reasons()
    {
        (LinuxTunDevice near, LinuxTunDevice far) = LoopWorld.CreatePair();
        await using (far)
        {
            using EventLoop events = new();
            using EventDescriptor wake = new();
            Reason readable = new(), woken = new(), closed = new();
            using Registration first = new(events, near.Descriptor.Handle, PollCalls.EpollIn, readable);
            using Registration second = new(events, wake.Handle, PollCalls.EpollIn | PollCalls.EpollEdge, woken);
            using Registration third = new(events, near.Descriptor.Closing.Handle, PollCalls.EpollIn, closed);
            events.Wait(block: false);
            Assert.That((readable.Count, woken.Count, closed.Count), Is.EqualTo((0, 0, 0)));
            wake.Set();
            events.Wait(block: true);
            Assert.That((readable.Count, woken.Count, closed.Count), Is.EqualTo((0, 1, 0)));
            await far.WriteAsync(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.1:1"), IPEndPoint.Parse("10.9.0.2:2"), new byte[1]));
            events.Wait(block: true);
            Assert.That((readable.Count, woken.Count, closed.Count), Is.EqualTo((1, 1, 0)));
            Assert.That(await near.ReadAsync(new byte[1500]), Is.Positive);
            Task waiting = Task.Run(() => events.Wait(block: true));
            await near.DisposeAsync();
            await waiting.WaitAsync(s_limit);
            events.Wait(block: true);
            Assert.That((woken.Count, closed.Count), Is.EqualTo((1, 2)), "closed stays a reason");
        }
    }

    [Test]
    public async Task A_device_that_was_closed_before_it_is_served_ends_the_tunnel_in_order()
    {
        NativeLibraryRequirement.Check();
        using Socket listener = TcpLoopback.Listen();
        (LinuxTunDevice first, LinuxTunDevice firstFar) = LoopWorld.CreatePair();
        (LinuxTunDevice closed, LinuxTunDevice closedFar) = LoopWorld.CreatePair();
        await using (first)
        await using (firstFar)
        await using (closedFar)
        {
            Tunnel tunnel = Tunnel.Start(first, new PlainDialer(listener.LocalEndPoint!), new FakePacketProxy());
            await closed.DisposeAsync();
            await tunnel.ReplaceDeviceAsync(closed);
            Assert.That(async () => await tunnel.Completion.WaitAsync(s_limit), Throws.Nothing);
        }
    }

    private sealed class Reason : IEventTarget
    {
        public int Count { get; private set; }

        public void OnEvents(uint events) => Count++;
    }

    private sealed class PoolLoop : IRelayLoop
    {
        public bool CanDial(IStreamDialer dialer, IPEndPoint remote) => false;

        public Task<StreamConnection> DialAsync(IStreamDialer dialer, IPEndPoint remote, CancellationToken cancellationToken) => throw new NotSupportedException();

        public void Post(IThreadPoolWorkItem work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
    }
}
