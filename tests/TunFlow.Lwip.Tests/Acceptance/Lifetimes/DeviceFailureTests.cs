using System.Diagnostics;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>A tunnel over a device whose reads or writes fail.</summary>
[TestFixture]
internal sealed class DeviceFailureTests
{
    private const int Eio = 5;
    private const int Ebadfd = 77;
    private const int Enobufs = 105;

    private static readonly TimeSpan s_window = TimeSpan.FromMilliseconds(300);

    private static readonly IPEndPoint s_server = IPEndPoint.Parse("192.0.2.1:80");

    [SetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [AcceptanceRow(7)]
    [TestCase(Eio, 1)]
    [TestCase(Eio, int.MaxValue)]
    [TestCase(Ebadfd, int.MaxValue)]
    public async Task A_read_that_fails_faults_the_tunnel_once_and_within_100_ms(int errno, int failures)
    {
        await Timely.WithinAsync(TimeSpan.FromMilliseconds(100), $"from error {errno} to the completion", async () =>
        {
            (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
            await using FailingDevice device = new(near);
            FakeDialer dialer = new();
            Tunnel tunnel = Tunnel.Start(device, dialer, new FakePacketProxy());
            PacketLink link = new(far);
            TcpPeer peer = link.CreatePeer(s_server);
            Assert.That(await peer.ConnectAsync(), Is.True);
            int events = 0;
            Task observed = tunnel.Completion.ContinueWith(_ => Interlocked.Increment(ref events), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

            long start = Stopwatch.GetTimestamp();
            device.FailReads(failures, () => new NetworkException(NetworkError.Unknown, "reading failed", errno));
            NetworkException? error = await Assert.ThrowsAsync<NetworkException>(() => tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10)));
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);

            await observed;
            await peer.WaitResetAsync();
            // Nobody reads a device that failed again, so nothing spins on it.
            Assert.That((device.FailedReads, events, error!.HResult), Is.EqualTo((1, 1, errno)));
            Assert.That(dialer.Upstreams.Single().Disposals, Is.EqualTo(1));
            await tunnel.DisposeAsync();
            await far.DisposeAsync();
            return elapsed;
        });
    }

    [AcceptanceRow(7)]
    [Test]
    public async Task A_failed_device_costs_no_processor_time()
    {
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        await using FailingDevice device = new(near);
        Tunnel tunnel = Tunnel.Start(device, new FakeDialer(), new FakePacketProxy());
        TimeSpan idle = await MeasureAsync(TimeSpan.Zero);
        device.FailReads(int.MaxValue, static () => new NetworkException(NetworkError.Unknown, "reading failed", Eio));
        await Assert.ThrowsAsync<NetworkException>(() => tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10)));

        TimeSpan failed = await MeasureAsync(idle);

        Assert.That(device.FailedReads, Is.EqualTo(1));
        Assert.That(failed - idle, Is.LessThan(s_window / 100), "processor time of a failed tunnel beyond an idle one's");
        await tunnel.DisposeAsync();
        await far.DisposeAsync();
    }

    [AcceptanceRow(8)]
    [TestCase(5)]
    [TestCase(2)]
    public async Task What_the_device_refuses_is_counted_and_TCP_sends_it_again(int every)
    {
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        await using FailingDevice device = new(near);
        FakeDialer dialer = new();
        ManualTimeProvider time = new();
        await using Tunnel tunnel = Tunnel.Start(device, dialer, new FakePacketProxy(), new TunnelOptions { Stack = new LwipDeviceOptions { TimeProvider = time } });
        PacketLink link = new(far);
        TcpPeer peer = link.CreatePeer(s_server);
        peer.AllowRetransmissions = true;
        Assert.That(await peer.ConnectAsync(), Is.True);
        FakeUpstream upstream = dialer.Upstreams.Single();
        byte[] data = new byte[200_000];
        new Random(8).NextBytes(data);

        device.OnWrite = number => number % every == 0 && number < 100 ? new NetworkException(NetworkError.ResourceExhausted, "no buffer space", Enobufs) : null;
        Task answering = upstream.Answers.WriteAsync(data).AsTask();
        await Eventually.HoldsAsync(
            () =>
            {
                // The waits between repeats double; virtual time has them over soon.
                time.Advance(TimeSpan.FromMilliseconds(100));
                return peer.ReceivedBytes >= data.Length;
            },
            "the last byte",
            30_000);
        byte[] received = await peer.ReceiveAsync(data.Length);
        await answering.WaitAsync(TimeSpan.FromSeconds(10));

        Assert.That(received.AsSpan().SequenceEqual(data), Is.True, "every byte arrives");
        TunnelStatistics statistics = tunnel.GetStatistics();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(device.FailedWrites, Is.GreaterThan(5));
            Assert.That(statistics.PacketsNotWritten, Is.EqualTo(device.FailedWrites), "counted");
            Assert.That(statistics.Stack.Retransmissions, Is.Positive);
            Assert.That((tunnel.Completion.IsCompleted, peer.WasReset, upstream.Disposals), Is.EqualTo((false, false, 0)));
        }

        await far.DisposeAsync();
    }

    /// <summary>The processor time of the quietest of a few windows: what the runner does meanwhile isn't in all of them.</summary>
    private static async Task<TimeSpan> MeasureAsync(TimeSpan idle)
    {
        TimeSpan least = TimeSpan.MaxValue;
        for (int i = 0; i < 20 && least - idle >= s_window / 100; i++)
        {
            TimeSpan before = Environment.CpuUsage.TotalTime;
            await Task.Delay(s_window);
            TimeSpan used = Environment.CpuUsage.TotalTime - before;
            least = used < least ? used : least;
        }

        return least;
    }
}
