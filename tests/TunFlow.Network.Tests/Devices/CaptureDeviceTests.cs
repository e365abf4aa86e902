using TunFlow.Testing;
using TunFlow.Testing.Captures;

namespace TunFlow.Network.Tests;

/// <summary>Captures: what is recorded, and that traffic never suffers from it.</summary>
internal sealed partial class CaptureDeviceTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    private MemoryDevice _inner = null!;
    private MemoryDevice _other = null!;
    private string _path = null!;

    [SetUp]
    public void SetUp()
    {
        (_inner, _other) = MemoryDevice.CreatePair(new MemoryDeviceOptions { SupportedOffloads = PacketOffloads.TcpSegmentation });
        _path = Path.Combine(Path.GetTempPath(), $"tunflow-{Guid.NewGuid():N}.pcapng");
    }

    [TearDown]
    public async Task TearDown()
    {
        await _inner.DisposeAsync();
        await _other.DisposeAsync();
        File.Delete(_path);
    }

    [Test]
    public async Task A_file_holds_what_passed_both_ways_and_ends_with_its_statistics()
    {
        ManualTimeProvider time = new(DateTimeOffset.UnixEpoch.AddSeconds(5));
        CaptureDevice device = new(_inner, _path, new CaptureOptions { TimeProvider = time, InterfaceName = "name", InterfaceDescription = "descriptión", SnapLength = 30 });
        await device.WriteAsync(Packet(21, 1));
        time.Advance(TimeSpan.FromTicks(1));
        await _other.WriteAsync(Packet(40, 2));
        await _other.WriteAsync(Packet(41, 3));
        Assert.That(await device.ReadAsync(new byte[100]), Is.EqualTo(40));
        Assert.That(await device.ReadBatchAsync(new PacketBuffer[] { new(new byte[100]), new(new byte[100]) }), Is.EqualTo(1));
        await device.DisposeAsync();

        CaptureFile file = CaptureFile.Read(_path);
        Assert.That((file.Name, file.Description, file.SnapLength, file.LinkType, file.Resolution), Is.EqualTo(("name", "descriptión", 30, 101, 9)));
        Assert.That(file.Packets.Select(packet => (packet.Nanoseconds, packet.Length, packet.Data.Length, packet.Data[^1], packet.Direction)), Is.EqualTo(new[]
        {
            (5_000_000_000UL, 21, 21, (byte)1, 1),
            (5_000_000_100UL, 40, 30, (byte)2, 2),
            (5_000_000_100UL, 41, 30, (byte)3, 2),
        }));
        Assert.That((file.Started, file.Ended), Is.EqualTo((5_000_000_000UL, 5_000_000_100UL)));
        Assert.That(file.Statistics, Is.EquivalentTo(new Dictionary<int, ulong> { [4] = 3, [5] = 0, [6] = 3, [8] = 3 }));
        Assert.That(device.Capture!.GetStatistics(), Is.EqualTo(new CaptureStatistics
        {
            PacketsSeen = 3, PacketsRecorded = 3, PacketsWritten = 3, BytesWritten = new FileInfo(_path).Length,
        }));

        // Closed: somebody else may have it for himself.
        using FileStream again = new(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
    }

    [Test]
    public async Task What_the_device_cannot_take_is_not_recorded()
    {
        await using CaptureDevice device = new(_inner, _path);
        Assert.That(async () => await device.WriteAsync(new byte[1501]), Throws.TypeOf<NetworkException>());
        await device.WriteAsync(ReadOnlyMemory<byte>.Empty);
        Assert.That(async () => await device.WriteAsync(Packet(30, 1), new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
        await device.WriteBatchAsync(new PacketBuffer[]
        {
            new(new byte[1501], 1501),
            new(Packet(50, 2), 50, new PacketOffload { Checksum = ChecksumState.Partial }),
            new(Packet(60, 3), 60),
            new(new byte[9000], 9000, new PacketOffload { Gso = GsoType.Tcp4, GsoSize = 1400 }),
        });
        await device.StopCaptureAsync();
        Assert.That(CaptureFile.Read(_path).Packets.Select(packet => packet.Length), Is.EqualTo(new[] { 60, 9000 }));
    }

    [Test]
    public async Task A_filter_chooses_and_is_counted()
    {
        CaptureOptions options = new() { Filter = static (packet, direction) => direction == PacketDirection.Written && packet.Length > 30 };
        await using CaptureDevice device = new(_inner, _path, options);
        await device.WriteAsync(Packet(30, 1));
        await device.WriteAsync(Packet(31, 1));
        await _other.WriteAsync(Packet(32, 1));
        await device.ReadAsync(new byte[100]);
        await device.StopCaptureAsync();
        CaptureFile file = CaptureFile.Read(_path);
        Assert.That(file.Packets.Single().Length, Is.EqualTo(31));
        Assert.That((file.Statistics![4], file.Statistics[6], device.Capture!.GetStatistics().PacketsFiltered), Is.EqualTo((3UL, 1UL, 2L)));
    }

    [Test]
    public async Task A_filter_that_throws_ends_the_capture_and_not_the_traffic()
    {
        int calls = 0;
        await using CaptureDevice device = new(_inner, _path, new CaptureOptions { Filter = (_, _) => ++calls == 2 ? throw new InvalidOperationException("mine") : true });
        for (byte i = 1; i <= 4; i++)
        {
            await device.WriteAsync(Packet(30, i));
            Assert.That(await _other.ReadAsync(new byte[100]), Is.EqualTo(30));
        }

        InvalidOperationException? error = await Assert.ThrowsAsync<InvalidOperationException>(() => device.Capture!.Completion.WaitAsync(s_limit));
        Assert.That((error!.Message, calls, device.Capture!.GetStatistics().Errors), Is.EqualTo(("mine", 2, 1L)));
        Assert.That(CaptureFile.Read(_path) is { Packets.Count: 1, Statistics: not null }, Is.True, "a whole file");
    }

    [Test]
    public async Task A_slow_target_costs_records_and_not_packets()
    {
        SlowStream target = new();
        CaptureDevice device = new(_inner, target, new CaptureOptions { QueueBytes = 256 * 1024 });
        const int count = 1000;
        byte[] buffer = new byte[1500];
        for (int i = 0; i < count; i++)
        {
            await device.WriteAsync(Packet(1000, 1));
            Assert.That(await _other.ReadAsync(buffer), Is.EqualTo(1000));
        }

        CaptureStatistics busy = device.Capture!.GetStatistics();
        Assert.That((busy.PacketsSeen, busy.PacketsRecorded + busy.PacketsDropped), Is.EqualTo(((long)count, (long)count)));
        Assert.That(busy.PacketsRecorded, Is.InRange(100, 260), "two buffers of 128 KiB at most");
        target.Gate.SetResult();
        await device.DisposeAsync();
        CaptureStatistics end = device.Capture.GetStatistics();
        Assert.That((end.PacketsWritten, end.PacketsDropped), Is.EqualTo((busy.PacketsRecorded, busy.PacketsDropped)));
        CaptureFile file = CaptureFile.Parse(target.ToArray());
        Assert.That((file.Packets.Count, file.Statistics![5]), Is.EqualTo(((int)end.PacketsWritten, (ulong)end.PacketsDropped)));
    }

    [Test]
    public async Task A_target_that_fails_ends_the_capture_and_another_one_can_follow()
    {
        IOException full = new("No space left on device");
        await using CaptureDevice device = new(_inner, new FailingStream(full));
        PacketCapture first = device.Capture!;
        await device.WriteAsync(Packet(100, 1));
        Assert.That(async () => await first.Completion.WaitAsync(s_limit), Throws.Exception.SameAs(full));
        Assert.That(async () => await first.FlushAsync().WaitAsync(s_limit), Throws.Exception.SameAs(full));
        Assert.That((first.GetStatistics().Errors, first.IsRunning), Is.EqualTo((1L, false)));
        await first.DisposeAsync();

        device.StartCapture(_path);
        await device.WriteAsync(Packet(101, 2));
        Assert.That(await _other.ReadAsync(new byte[200]), Is.EqualTo(100));
        Assert.That(await _other.ReadAsync(new byte[200]), Is.EqualTo(101));
        await device.StopCaptureAsync();
        Assert.That(CaptureFile.Read(_path).Packets.Single().Length, Is.EqualTo(101));
    }

    [Test]
    public async Task A_flush_that_meets_a_failing_target_fails_with_its_error()
    {
        IOException full = new("No space left on device");
        await using CaptureDevice device = new(_inner, new FailingStream(full, failFlush: true));
        Assert.That(async () => await device.Capture!.FlushAsync().WaitAsync(s_limit), Throws.Exception.SameAs(full));
    }

    [Test]
    public async Task Stopping_can_be_left_and_ends_the_capture_all_the_same()
    {
        ManualTimeProvider time = new();
        CaptureDevice device = new(_inner, new SlowStream(), new CaptureOptions { TimeProvider = time });
        using CancellationTokenSource impatience = new();
        ValueTask stopping = device.StopCaptureAsync(impatience.Token);
        Assert.That(stopping.IsCompleted, Is.False);
        await impatience.CancelAsync();
        Assert.That(async () => await stopping, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(device.Capture!.IsRunning, Is.False);
        time.Advance(TimeSpan.FromSeconds(5));
        await Assert.ThrowsAsync<TimeoutException>(() => device.Capture.Completion);
        await device.DisposeAsync();
    }

    [Test]
    public async Task Stopping_gives_up_on_a_target_that_hangs()
    {
        ManualTimeProvider time = new();
        CaptureDevice device = new(_inner, new SlowStream(), new CaptureOptions { TimeProvider = time, CloseTimeout = TimeSpan.FromSeconds(3) });
        await device.WriteAsync(Packet(100, 1));
        Task flush = device.Capture!.FlushAsync();
        Task stop = device.DisposeAsync().AsTask();
        await Eventually.IsAsync(() => time.ActiveTimers == 1, "it waits");
        time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.That(stop.IsCompleted, Is.False);
        time.Advance(TimeSpan.FromSeconds(0.1));
        await stop.WaitAsync(s_limit);
        Assert.That(async () => await device.Capture.Completion.WaitAsync(s_limit), Throws.TypeOf<TimeoutException>());
        Assert.That(async () => await flush.WaitAsync(s_limit), Throws.TypeOf<TimeoutException>());
    }

    [Test]
    public async Task A_capture_runs_between_start_and_stop_one_at_a_time()
    {
        await using CaptureDevice device = new(_inner);
        Assert.That(device.Capture, Is.Null);
        await device.StopCaptureAsync();
        await device.WriteAsync(Packet(100, 1));
        PacketCapture capture = device.StartCapture(_path);
        await device.WriteAsync(Packet(101, 1));
        Assert.That(() => device.StartCapture(_path), Throws.TypeOf<InvalidOperationException>());
        MemoryStream untouched = new();
        Assert.That(() => device.StartCapture(untouched), Throws.TypeOf<InvalidOperationException>());
        Assert.That((untouched.Length, untouched.CanWrite, device.Capture), Is.EqualTo((0L, true, capture)));
        await device.WriteAsync(Packet(102, 1));
        await capture.DisposeAsync();
        await capture.DisposeAsync();
        await device.WriteAsync(Packet(103, 1));
        Assert.That(capture.Completion.IsCompletedSuccessfully, Is.True);
        Assert.That(CaptureFile.Read(_path).Packets.Select(packet => packet.Length), Is.EqualTo(new[] { 101, 102 }));
    }

    [Test]
    public async Task Starts_from_many_threads_give_one_capture_and_leave_the_other_targets_alone()
    {
        await using CaptureDevice device = new(_inner);
        MemoryStream[] targets = [.. Enumerable.Range(0, 8).Select(_ => new MemoryStream())];
        int started = 0;
        await Task.WhenAll(targets.Select(target => Task.Run(() =>
        {
            try
            {
                device.StartCapture(target, new CaptureOptions { LeaveOpen = true });
                Interlocked.Increment(ref started);
            }
            catch (InvalidOperationException)
            {
                // Somebody else was first.
            }
        })));
        await device.StopCaptureAsync();
        Assert.That((started, targets.Count(target => target.Length > 0)), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task A_flush_makes_everything_visible_that_was_recorded_before()
    {
        await using CaptureDevice device = new(_inner, _path);
        for (int i = 1; i <= 20; i++)
        {
            await device.WriteAsync(Packet(100 - i, 0xFF)); // shorter each time: the buffers hold older packets where the padding goes
            await device.Capture!.FlushAsync().WaitAsync(s_limit);
            Assert.That(CaptureFile.Read(_path).Packets, Has.Count.EqualTo(i));
        }

        await device.StopCaptureAsync();
        await device.Capture!.FlushAsync().WaitAsync(s_limit);
    }

    [Test]
    public async Task The_file_ends_before_it_exceeds_its_limit()
    {
        await using CaptureDevice device = new(_inner, _path, new CaptureOptions { MaxBytes = 10_000 });
        for (int i = 0; i < 100; i++)
        {
            await device.WriteAsync(Packet(1000, 1));
        }

        await device.Capture!.Completion.WaitAsync(s_limit);
        CaptureFile file = CaptureFile.Read(_path);
        Assert.That((file.Packets.Count, file.Statistics is not null), Is.EqualTo((9, true)));
        Assert.That(new FileInfo(_path).Length, Is.InRange(9000, 10_000));
    }

    [Test]
    public async Task A_stream_is_closed_unless_it_is_to_stay_open()
    {
        foreach (bool leaveOpen in new[] { true, false })
        {
            MemoryStream target = new();
            await using CaptureDevice device = new(_inner, target, new CaptureOptions { LeaveOpen = leaveOpen }, ownsInner: false);
            await device.DisposeAsync();
            Assert.That(target.CanWrite, Is.EqualTo(leaveOpen));
            Assert.That(CaptureFile.Parse(target.ToArray()).Statistics, Is.Not.Null);
        }
    }

    [Test]
    public async Task A_file_that_cannot_be_made_is_the_callers_error_and_starts_nothing()
    {
        await using CaptureDevice device = new(_inner);
        Assert.That(() => device.StartCapture(Path.Combine(_path, "no", "such", "directory")), Throws.InstanceOf<IOException>());
        Assert.That(() => device.StartCapture(string.Empty), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => device.StartCapture(new MemoryStream([], writable: false)), Throws.InstanceOf<ArgumentException>());
        Assert.That(device.Capture, Is.Null);
        device.StartCapture(_path);
        await device.DisposeAsync();
        Assert.That(() => device.StartCapture(_path), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_start_during_another_start_is_refused_and_touches_nothing()
    {
        await using CaptureDevice device = new(_inner);
        MemoryStream first = new(), second = new();
        Exception? refusal = null;
        device.StartCapture(first, new CaptureOptions
        {
            TimeProvider = new CallingClock(() => refusal ??= Assert.Throws<InvalidOperationException>(() => device.StartCapture(second))),
        });
        await device.StopCaptureAsync();
        Assert.That((refusal is not null, second.Length, second.CanWrite, first.CanWrite), Is.EqualTo((true, 0L, true, false)));
    }

    [Test]
    public async Task A_start_that_fails_behind_the_file_leaves_it_closed()
    {
        await using CaptureDevice device = new(_inner);
        CaptureOptions options = new() { TimeProvider = new BrokenClock() };
        Assert.That(() => device.StartCapture(_path, options), Throws.TypeOf<NotSupportedException>());
        using (FileStream alone = new(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            Assert.That((alone.Length, device.Capture), Is.EqualTo((0L, (PacketCapture?)null)));
        }

        device.StartCapture(_path);
        Assert.That(device.Capture!.IsRunning, Is.True);
    }

    [Test]
    public async Task Timestamps_are_those_of_the_wall_clock_also_when_it_is_set_back_or_was_never_set()
    {
        ManualTimeProvider time = new(DateTimeOffset.UnixEpoch.AddSeconds(10));
        CaptureDevice device = new(_inner, _path, new CaptureOptions { TimeProvider = time });
        await device.WriteAsync(Packet(30, 1));
        time.StepWallClock(TimeSpan.FromSeconds(-4));
        await device.WriteAsync(Packet(30, 2));
        time.StepWallClock(TimeSpan.FromSeconds(-100));
        await device.WriteAsync(Packet(30, 3));
        await device.DisposeAsync();
        Assert.That(CaptureFile.Read(_path).Packets.Select(packet => packet.Nanoseconds), Is.EqualTo(new[] { 10_000_000_000UL, 6_000_000_000UL, 0UL }));
    }

    [Test]
    public async Task What_a_filter_turns_down_after_the_end_is_not_counted_any_more()
    {
        CaptureDevice device = null!;
        Task? end = null;
        CaptureOptions options = new()
        {
            Filter = (_, _) =>
            {
                end = device.StopCaptureAsync().AsTask();
                return false;
            },
        };
        await using (device = new CaptureDevice(_inner, _path, options))
        {
            await device.WriteAsync(Packet(30, 1));
            await end!.WaitAsync(s_limit);
            Assert.That((device.Capture!.GetStatistics().PacketsSeen, CaptureFile.Read(_path).Statistics![4]), Is.EqualTo((0L, 0UL)));
        }
    }

    [Test]
    public void Impossible_options_are_refused() => Assert.Multiple(() =>
    {
        Assert.That(() => new CaptureOptions { SnapLength = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CaptureOptions { SnapLength = 65_536 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CaptureOptions { QueueBytes = 1000 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CaptureOptions { MaxBytes = 100 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CaptureOptions { InterfaceName = new string('x', 1025) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CaptureOptions { CloseTimeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CaptureOptions { Outbound = (PacketDirection)2 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CaptureOptions { TimeProvider = null! }, Throws.TypeOf<ArgumentNullException>());
        Assert.That(() => new CaptureDevice(null!), Throws.TypeOf<ArgumentNullException>());
    });
}
