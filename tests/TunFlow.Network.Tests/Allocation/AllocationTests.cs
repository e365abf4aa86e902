using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Steady state allocates nothing per packet. Calls that complete at once are counted exactly on their thread; calls that wait are counted over the process, whose other threads may add a little.</summary>
[NonParallelizable]
internal sealed class AllocationTests
{
    private const int WarmUp = 2000;
    private const int Rounds = 4000;

    [OneTimeSetUp]
    public void NeedsOptimizedCode()
    {
        DebuggableAttribute? debuggable = typeof(StreamConnection).Assembly.GetCustomAttribute<DebuggableAttribute>();
        if (debuggable is { IsJITOptimizerDisabled: true })
        {
            Assert.Ignore("In a debug build every asynchronous method allocates its state machine.");
        }
    }

    [Test]
    public async Task DatagramsThatAreReadyAllocateNothing()
    {
        using Socket server = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using IPacketConnection connection = await new UdpListener().ListenPacketAsync();
        SocketAddress local = new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)connection.LocalEndPoint!).Port).Serialize();
        IPEndPoint destination = (IPEndPoint)server.LocalEndPoint!;
        SocketAddress from = new(AddressFamily.InterNetwork);
        byte[] large = new byte[65_536];
        byte[] small = new byte[1500];
        AssertAllocatesNothing(() =>
        {
            ValueTask send = connection.SendToAsync(small.AsMemory(0, 1200), destination);
            if (!send.IsCompletedSuccessfully)
            {
                Assert.Fail("A datagram could not be sent at once.");
            }

            send.GetAwaiter().GetResult();
            server.ReceiveFrom(small, SocketFlags.None, from);
            for (int i = 0; i < 3; i++)
            {
                server.SendTo(small.AsSpan(0, 1200), SocketFlags.None, local);
                ValueTask<ReceivedDatagram> receive = connection.ReceiveFromAsync(i switch { 0 => large, 1 => small, _ => Memory<byte>.Empty });
                if (!receive.IsCompletedSuccessfully || (receive.Result.Length != 1200 && i < 2))
                {
                    Assert.Fail("A datagram on loopback was not there at once.");
                }
            }

            server.SendTo(small.AsSpan(0, 1), SocketFlags.None, local);
            _ = connection.ReceiveFromAsync(large).Result;
            _ = connection.ReceiveFromAsync(large).Result;
        });
    }

    [Test]
    public async Task PacketsThroughAMemoryDeviceAllocateNothing()
    {
        (MemoryDevice first, MemoryDevice second) = MemoryDevice.CreatePair();
        byte[] packet = new byte[1400];
        PacketBuffer[] batch = [new(new byte[1500], 1400), new(new byte[1500], 1000)];
        AssertAllocatesNothing(() =>
        {
            first.WriteAsync(packet).GetAwaiter().GetResult();
            _ = second.ReadAsync(packet).Result;
            first.WriteBatchAsync(batch).GetAwaiter().GetResult();
            _ = second.ReadBatchAsync(batch).Result;
        });
        await first.DisposeAsync();
        await second.DisposeAsync();
    }

    [TestCaseSource(nameof(Decorators))]
    public async Task PacketsThroughADecoratorAllocateNothing(string name, Func<IIPDevice, IBatchIPDevice> decorate)
    {
        TestContext.Out.WriteLine(name);
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        await using IBatchIPDevice device = decorate(inner);
        using CancellationTokenSource cancel = new();
        byte[] packet = new byte[1400];
        byte[] buffer = new byte[1500];
        PacketBuffer[] batch = [new(new byte[1500], 1400), new(new byte[1500], 1000)];
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                await device.WriteAsync(packet);
                await other.ReadAsync(buffer);
                await device.WriteBatchAsync(batch);
                int written = 0;
                while (written < 2)
                {
                    written += await other.ReadBatchAsync(batch);
                }

                ValueTask<int> read = device.ReadAsync(buffer, cancel.Token);
                await other.WriteAsync(packet);
                await read;
                ValueTask<int> readBatch = device.ReadBatchAsync(batch, cancel.Token);
                await other.WriteAsync(packet);
                await readBatch;
            }
        });
        await other.DisposeAsync();
    }

    [Test]
    public async Task PacketsThatTheTimerOfAnImpairmentHandsOnAllocateNothing()
    {
        StepClock clock = new();
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        LinkImpairment slow = new() { Delay = TimeSpan.FromMilliseconds(5), Jitter = TimeSpan.FromMilliseconds(1) };
        await using ImpairmentDevice device = new(inner, new ImpairmentOptions { Written = slow, TimeProvider = clock });
        byte[] packet = new byte[1400];
        byte[] buffer = new byte[1500];
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                await device.WriteAsync(packet);
                await device.WriteAsync(packet);
                clock.Fire(TimeSpan.FromMilliseconds(10));
                await other.ReadAsync(buffer);
                await other.ReadAsync(buffer);
            }
        });
        await other.DisposeAsync();
    }

    private static IEnumerable<TestCaseData> Decorators()
    {
        LinkImpairment delay = new() { Delay = TimeSpan.FromTicks(1), Loss = 0 };
        (string Name, Func<IIPDevice, IBatchIPDevice> Decorate)[] decorators =
        [
            ("counting", static device => new CountingDevice(device)),
            ("counting, borrowed", static device => new CountingDevice(device, ownsInner: false)),
            ("capture", static device => new CaptureDevice(device, Stream.Null)),
            ("capture, borrowed", static device => new CaptureDevice(device, Stream.Null, ownsInner: false)),
            ("impairment", static device => new ImpairmentDevice(device)),
            ("impairment with delay", device => new ImpairmentDevice(device, new ImpairmentOptions { Read = delay, Written = delay })),
        ];
        return decorators.Select(static decorator => new TestCaseData(decorator.Name, decorator.Decorate).SetArgDisplayNames(decorator.Name));
    }

    [Test]
    public async Task AWaitingReaderOfAMemoryDeviceAllocatesNothing()
    {
        (MemoryDevice first, MemoryDevice second) = MemoryDevice.CreatePair();
        using CancellationTokenSource cancel = new();
        byte[] packet = new byte[1400];
        byte[] buffer = new byte[1500];
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                ValueTask<int> read = second.ReadAsync(buffer, cancel.Token);
                await first.WriteAsync(packet);
                await read;
            }
        });
        await first.DisposeAsync();
        await second.DisposeAsync();
    }

    [Test]
    public async Task StreamRoundTripsAllocateNothing()
    {
        ConnectionPair pair = await TcpLoopback.DialAsync(new TcpDialer());
        using CancellationTokenSource cancel = new();
        byte[] there = new byte[100];
        byte[] back = new byte[100];
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                ValueTask<int> wait = pair.Peer.ReadAsync(Memory<byte>.Empty);
                await pair.Subject.WriteAsync(there, cancel.Token);
                await wait;
                int received = await pair.Peer.ReadAsync(there);
                ValueTask<int> read = pair.Subject.ReadAsync(back, cancel.Token);
                await pair.Peer.WriteAsync(there.AsMemory(0, received));
                await read;
            }
        });
        await pair.DisposeAsync();
    }

    [Test]
    public async Task WrappedRoundTripsAllocateNothing()
    {
        ConnectionPair pair = await TcpLoopback.DialAsync(new TcpDialer());
        StreamConnection subject = StreamConnection.Wrap(StreamConnection.Wrap(pair.Subject, new PassingStream(pair.Subject), null), null, new PassingStream(pair.Subject));
        byte[] there = new byte[100];
        byte[] back = new byte[100];
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                await subject.WriteAsync(there);
                int received = await pair.Peer.ReadAsync(there);
                ValueTask<int> read = subject.ReadAsync(back);
                await pair.Peer.WriteAsync(there.AsMemory(0, received));
                await read;
            }
        });
        await subject.DisposeAsync();
        await pair.DisposeAsync();
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task ConnectedDatagramsAllocateNothing(bool overListener)
    {
        using Socket server = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        IPacketDialer dialer = overListener ? new PacketListenerDialer(new UdpListener()) : new UdpDialer();
        await using IConnectedPacketConnection connection = await dialer.DialPacketAsync(server.LocalEndPoint!);
        SocketAddress from = new(AddressFamily.InterNetwork);
        byte[] payload = new byte[1200];
        byte[] buffer = new byte[1500];
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                ValueTask<ReceivedDatagram> receive = connection.ReceiveAsync(i % 2 == 0 ? Memory<byte>.Empty : buffer);
                await connection.SendAsync(payload);
                int length = server.ReceiveFrom(payload, SocketFlags.None, from);
                server.SendTo(payload.AsSpan(0, length), SocketFlags.None, from);
                await receive;
                if (i % 2 == 0)
                {
                    await connection.ReceiveAsync(buffer);
                }
            }
        });
    }

    [Test]
    public async Task DatagramsThroughASessionAllocateNothing()
    {
        using Socket server = new(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        CountingReceiver receiver = new();
        await using IPacketRequestSender sender = await new PacketListenerProxy(new UdpListener()).NewSessionAsync(receiver);
        IPEndPoint destination = (IPEndPoint)server.LocalEndPoint!;
        SocketAddress from = new(AddressFamily.InterNetworkV6);
        byte[] payload = new byte[1200];
        long sent = 0;
        await TunFlow.Testing.Allocation.AssertNoneAsync(async rounds =>
        {
            for (int i = 0; i < rounds; i++)
            {
                await sender.WriteToAsync(payload, destination);
                int length = server.ReceiveFrom(payload, SocketFlags.None, from);
                server.SendTo(payload.AsSpan(0, length), SocketFlags.None, from);
                sent++;
                while (receiver.Count < sent)
                {
                    await Task.Yield();
                }
            }
        });
    }

    private static void AssertAllocatesNothing(Action round)
    {
        for (int i = 0; i < WarmUp; i++)
        {
            round();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Rounds; i++)
        {
            round();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(Rounds), "bytes allocated");
    }

    /// <summary>A clock with one timer, which fires when it is told to, if it is set.</summary>
    private sealed class StepClock : TimeProvider, ITimer
    {
        private long _now;
        private bool _set;
        private TimerCallback _callback = null!;
        private object? _state;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Volatile.Read(ref _now);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            (_callback, _state) = (callback, state);
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _set = dueTime != Timeout.InfiniteTimeSpan;
            return true;
        }

        public void Fire(TimeSpan later)
        {
            if (!_set)
            {
                throw new InvalidOperationException("The timer isn't set.");
            }

            _now += later.Ticks;
            _callback(_state);
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class PassingStream(StreamConnection inner) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
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
