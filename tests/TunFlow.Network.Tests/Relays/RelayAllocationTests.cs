using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.Network.Relays;

namespace TunFlow.Network.Tests;

/// <summary>Steady state allocates nothing per datagram, through relays and adapters. Counted over the process, whose other threads may add a little.</summary>
[NonParallelizable]
internal sealed class RelayAllocationTests
{
    private const int WarmUp = 2000;
    private const int Rounds = 4000;

    // The runtime's own pools settle now and then; one object per datagram would be 24 bytes at least.
    private const long NoiseBytesPerRound = 12;

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
        await AssertAllocatesNothingAsync(async rounds =>
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
        await AssertAllocatesNothingAsync(async rounds =>
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
        await AssertAllocatesNothingAsync(async rounds =>
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

    private static async Task AssertAllocatesNothingAsync(Func<int, Task> run)
    {
        // Away from the test runner's contexts, whose flow allocates.
        Task<long> measurement;
        using (ExecutionContext.SuppressFlow())
        {
            measurement = Task.Run(() => MeasureAsync(run));
        }

        long bytes = await measurement;
        TestContext.Out.WriteLine($"{(double)bytes / Rounds:F1} bytes per round");
        Assert.That((double)bytes / Rounds, Is.LessThan(NoiseBytesPerRound), "bytes per round");
    }

    /// <summary>The least of a few measurements: what the library allocates per datagram is in all of them, what the rest of the process does isn't.</summary>
    private static async Task<long> MeasureAsync(Func<int, Task> run)
    {
        await run(WarmUp);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 8 && least >= NoiseBytesPerRound * Rounds; attempt++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            await run(Rounds);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        return least;
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
