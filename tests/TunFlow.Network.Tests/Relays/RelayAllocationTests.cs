using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.Network.Relays;

namespace TunFlow.Network.Tests;

/// <summary>Steady state allocates nothing per datagram, through relays and adapters. Counted over the process, whose other threads may add a little.</summary>
[NonParallelizable]
internal sealed class RelayAllocationTests
{
    private readonly byte[] _payload = new byte[1200];
    private readonly SocketAddress _from = new(AddressFamily.InterNetworkV6);
    private Socket _server = null!;

    [OneTimeSetUp]
    public void NeedsOptimizedCode()
    {
        DebuggableAttribute? debuggable = (DebuggableAttribute?)Attribute.GetCustomAttribute(typeof(IPacketRelay).Assembly, typeof(DebuggableAttribute));
        if (debuggable is { IsJITOptimizerDisabled: true })
        {
            Assert.Ignore("In a debug build every asynchronous method allocates its state machine.");
        }
    }

    [SetUp]
    public void SetUp()
    {
        _server = new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp);
        _server.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
    }

    [TearDown]
    public void TearDown() => _server.Dispose();

    [TestCase("Listener")]
    [TestCase("Timeout")]
    [TestCase("Proxy")]
    [TestCase("RoundTrip")]
    public async Task DatagramsThatAreWaitedForAllocateNothing(string kind)
    {
        await using IPacketAssociation association = await Create(kind).NewAssociationAsync();
        IPEndPoint destination = (IPEndPoint)_server.LocalEndPoint!;
        byte[] buffer = new byte[65_536];
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                // Waiting before anything is there: the way that a busy loop goes least, and that costs most.
                ValueTask<ReceivedDatagram> wait = association.ReceivePacketAsync(Memory<byte>.Empty);
                await association.SendPacketAsync(_payload, destination);
                Answer();
                await wait;
                ReceivedDatagram datagram = await association.ReceivePacketAsync(buffer);
                if (datagram.Length != _payload.Length)
                {
                    Assert.Fail($"{datagram.Length} bytes arrived.");
                }
            }
        });
    }

    [Test]
    public async Task TheLoopAllocatesNothing()
    {
        await using IPacketAssociation association = await Create("Listener").NewAssociationAsync();
        IPEndPoint destination = (IPEndPoint)_server.LocalEndPoint!;
        long received = 0;
        long sent = 0;
        Task loop = association.ReceivePacketsAsync((_, _, _) =>
        {
            Interlocked.Increment(ref received);
            return ValueTask.CompletedTask;
        });
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                await association.SendPacketAsync(_payload, destination);
                Answer();
                sent++;
                while (Volatile.Read(ref received) < sent)
                {
                    await Task.Yield();
                }
            }
        });
        await association.DisposeAsync();
        await loop;
    }

    [TestCase("Listener")]
    [TestCase("Proxy")]
    public async Task DatagramsThroughASessionOfARelayAllocateNothing(string kind)
    {
        CountingReceiver receiver = new();
        await using IPacketRequestSender sender = await Create(kind).AsPacketProxy().NewSessionAsync(receiver);
        IPEndPoint destination = (IPEndPoint)_server.LocalEndPoint!;
        long sent = 0;
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                await sender.WriteToAsync(_payload, destination);
                Answer();
                sent++;
                while (receiver.Count < sent)
                {
                    await Task.Yield();
                }
            }
        });
    }

    private static IPacketRelay Create(string kind)
    {
        PacketListenerRelay relay = new(new UdpListener(), TimeSpan.FromMinutes(5));
        return kind switch
        {
            "Listener" => relay,
            "Timeout" => new TimeoutPacketRelay(relay, TimeSpan.FromMinutes(1)),
            "Proxy" => new PacketListenerProxy(new UdpListener()).AsPacketRelay(),
            _ => relay.AsPacketProxy().AsPacketRelay(),
        };
    }

    private void Answer()
    {
        int length = _server.ReceiveFrom(_payload, SocketFlags.None, _from);
        _server.SendTo(_payload.AsSpan(0, length), SocketFlags.None, _from);
    }

    private sealed class CountingReceiver : IPacketResponseReceiver
    {
        private long _count;

        public long Count => Volatile.Read(ref _count);

        public ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _count);
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
