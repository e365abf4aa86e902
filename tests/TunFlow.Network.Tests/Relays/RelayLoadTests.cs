using System.Net;
using TunFlow.Network.Relays;
using TunFlow.Testing;
using static TunFlow.Network.Tests.RelayBuilder;

namespace TunFlow.Network.Tests;

/// <summary>Ten thousand associations at once: neither a thread nor a timer for each, bounded memory, and nothing left of them.</summary>
[NonParallelizable]
internal sealed class RelayLoadTests
{
    private const int Count = 10_000;

    // What an idle association may hold alive, its receive loop and the transport of this test included; a buffer for datagrams would be 64 KiB.
    // 1.1 KB measured for one relay, 3.7 KB for one made a proxy and a relay again.
    private const long BytesPerAssociation = 8192;

    // What the queue of an unread association may hold: 64 datagrams of 100 bytes in buffers of 128, and the ring.
    private const long BytesPerFullQueue = (64 * (128 + 24)) + 4096;

    private const long BytesPerExpiredAssociation = 2048;

    [TestCase("Listener")]
    [TestCase("Timeout")]
    [TestCase("RelayAsProxyAsRelay")]
    public async Task IdleAssociationsThatAreReceivedOnCostNoThreadNoTimerAndNoBuffer(string kind)
    {
        ManualTimeProvider time = new();
        IdleListener listener = new();
        Func<PacketRelayStatistics> statistics;
        PacketListenerRelay inner = new(listener, TimeSpan.FromMinutes(1), time);
        IPacketRelay relay;
        switch (kind)
        {
            case "Listener":
                relay = inner;
                statistics = inner.GetStatistics;
                break;
            case "Timeout":
                TimeoutPacketRelay timeout = new(inner, TimeSpan.FromSeconds(30), time);
                relay = timeout;
                statistics = timeout.GetStatistics;
                break;
            default:
                ProxyPacketRelay proxy = inner.AsPacketProxy(time).AsPacketRelay();
                relay = proxy;
                statistics = proxy.GetStatistics;
                break;
        }

        int threads = ThreadPool.ThreadCount;
        long before = GC.GetTotalMemory(forceFullCollection: true);
        IPacketAssociation[] associations = new IPacketAssociation[Count];
        Task[] loops = new Task[Count];
        for (int i = 0; i < Count; i++)
        {
            associations[i] = await relay.NewAssociationAsync();
            loops[i] = associations[i].ReceivePacketsAsync((_, _, _) => ValueTask.CompletedTask);
        }

        await Eventually.IsAsync(() => listener.Waiting == Count, "all receive");
        long held = GC.GetTotalMemory(forceFullCollection: true) - before;
        TestContext.Out.WriteLine($"{held / Count} bytes per association, {ThreadPool.ThreadCount - threads} more threads");
        Assert.That(listener.HoldingBuffer, Is.Zero);
        Assert.That(held / Count, Is.LessThan(BytesPerAssociation));
        Assert.That(ThreadPool.ThreadCount - threads, Is.LessThan(50));
        Assert.That(time.ActiveTimers, Is.LessThanOrEqualTo(2));
        Assert.That(statistics().ActiveAssociations, Is.EqualTo(Count));

        time.Advance(TimeSpan.FromMinutes(2));
        await Task.WhenAll(loops).WaitAsync(TimeSpan.FromSeconds(30));
        await Eventually.IsAsync(() => listener.Disposed == Count, "every socket was closed");
        Assert.That((statistics().ActiveAssociations, time.ActiveTimers), Is.EqualTo((0L, 0)));
    }

    [Test]
    public async Task AssociationsThatNobodyReceivesOnHoldABoundedQueueAndExpire()
    {
        const int Unread = 1000;
        ManualTimeProvider time = new();
        List<IPacketResponseReceiver> receivers = [];
        ProxyPacketRelay proxied = new FloodProxy(receivers).AsPacketRelay();
        TimeoutPacketRelay relay = new(proxied, TimeSpan.FromSeconds(30), time);
        byte[] payload = new byte[100];
        long before = GC.GetTotalMemory(forceFullCollection: true);
        IPacketAssociation[] associations = new IPacketAssociation[Unread];
        for (int i = 0; i < Unread; i++)
        {
            associations[i] = await relay.NewAssociationAsync();
            for (int datagram = 0; datagram < 500; datagram++)
            {
                await receivers[i].WriteFromAsync(payload, Remote);
            }
        }

        long held = GC.GetTotalMemory(forceFullCollection: true) - before;
        TestContext.Out.WriteLine($"{held / Unread} bytes per association");
        Assert.That(held / Unread, Is.LessThan(BytesPerFullQueue));
        Assert.That(proxied.GetStatistics().DroppedQueueFull, Is.EqualTo(Unread * (500 - 64)));
        time.Advance(TimeSpan.FromSeconds(31));
        Assert.That((proxied.GetStatistics().ActiveAssociations, time.ActiveTimers), Is.EqualTo((0L, 0)));
        await AssertErrorAsync(NetworkError.Closed, () => associations[0].SendPacketAsync(payload, Remote));

        // What waited is gone though the associations are still referenced.
        held = GC.GetTotalMemory(forceFullCollection: true) - before;
        TestContext.Out.WriteLine($"{held / Unread} bytes per expired association");
        Assert.That(held / Unread, Is.LessThan(BytesPerExpiredAssociation));
        GC.KeepAlive(associations);
        GC.KeepAlive(receivers);
    }

    private sealed class IdleListener : IPacketListener
    {
        private int _waiting;
        private int _holdingBuffer;
        private int _disposed;

        public int HoldingBuffer => Volatile.Read(ref _holdingBuffer);

        public int Waiting => Volatile.Read(ref _waiting);

        public int Disposed => Volatile.Read(ref _disposed);

        public ValueTask<IPacketConnection> ListenPacketAsync(CancellationToken cancellationToken = default) => new(new IdleConnection(this));

        private sealed class IdleConnection(IdleListener owner) : IPacketConnection
        {
            private readonly TaskCompletionSource<ReceivedDatagram> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

            public EndPoint? LocalEndPoint => null;

            public bool CanWaitForData => true;

            public ValueTask SendToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default) => default;

            public ValueTask<ReceivedDatagram> ReceiveFromAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            {
                Interlocked.Increment(ref buffer.IsEmpty ? ref owner._waiting : ref owner._holdingBuffer);
                return new ValueTask<ReceivedDatagram>(_end.Task);
            }

            public ValueTask DisposeAsync()
            {
                Interlocked.Increment(ref owner._disposed);
                _end.TrySetException(new ObjectDisposedException(nameof(IdleConnection)));
                return default;
            }
        }
    }

    private sealed class FloodProxy(List<IPacketResponseReceiver> receivers) : IPacketProxy, IPacketRequestSender
    {
        public ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
        {
            receivers.Add(receiver);
            return new ValueTask<IPacketRequestSender>(this);
        }

        public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default) => default;

        public ValueTask DisposeAsync() => default;
    }
}
