using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Several threads, and the device inside, at the impairment at the same time: each interleaving is made, not hoped for.</summary>
internal sealed class ImpairmentDeviceThreadingTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    private readonly ManualTimeProvider _time = new();

    [TestCase(true, false)]
    [TestCase(true, true)]
    [TestCase(false, false)]
    public async Task A_write_of_the_device_inside_may_wait_for_the_end_of_the_impairment(bool owns, bool asynchronous)
    {
        ImpairmentDevice device = null!;
        Task? disposal = null;
        ScriptedDevice inner = new();
        inner.OnWrite = async _ =>
        {
            if (asynchronous)
            {
                await Task.Yield();
            }

            await (disposal = device.DisposeAsync().AsTask());
        };
        device = new ImpairmentDevice(inner, ownsInner: owns);
        Task write = device.WriteAsync(new byte[20]).AsTask();
        Assert.That(async () => await write.WaitAsync(s_limit), Throws.TypeOf<ObjectDisposedException>());
        await disposal!.WaitAsync(s_limit);
        await device.DisposeAsync().AsTask().WaitAsync(s_limit);
        LinkImpairmentStatistics written = device.GetStatistics().Written;
        Assert.That((inner.Disposals, written.Packets, written.Delivered, written.InFlight), Is.EqualTo((owns ? 1 : 0, 1L, 1L, 0L)));
    }

    [Test]
    public async Task A_borrowed_device_is_not_written_to_any_more_once_the_impairment_is_disposed()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedDevice inner = new() { OnWrite = _ => gate.Task };
        ImpairmentDevice device = new(inner, ownsInner: false);
        Task write = device.WriteAsync(new byte[20]).AsTask();
        Task disposal = device.DisposeAsync().AsTask();
        Task second = Task.Run(() => device.DisposeAsync().AsTask());
        await Task.WhenAny(disposal, second, Task.Delay(50));
        Assert.That((disposal.IsCompleted, second.IsCompleted), Is.EqualTo((false, false)), "the write is on its way");
        gate.SetResult();
        await Task.WhenAll(disposal, second).WaitAsync(s_limit);
        Assert.That(async () => await write.WaitAsync(s_limit), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task Packets_to_read_come_in_time_while_a_write_hangs_and_nothing_polls()
    {
        TaskCompletionSource gate = new();
        (MemoryDevice near, MemoryDevice far) = MemoryDevice.CreatePair();
        ScriptedDevice inner = new() { OnWrite = _ => gate.Task, OnRead = near.ReadAsync };
        ImpairmentDevice device = new(inner, new ImpairmentOptions
        {
            TimeProvider = _time,
            Read = new LinkImpairment { Delay = TimeSpan.FromMilliseconds(10) },
            Written = new LinkImpairment { Delay = TimeSpan.FromMilliseconds(5) },
        });
        await device.WriteAsync(new byte[20]);
        Task<int> read = device.ReadAsync(new byte[100]).AsTask();
        await far.WriteAsync(new byte[30]);
        await Eventually.IsAsync(() => device.GetStatistics().Read.InFlight == 1, "the packet is on its way");
        _time.Advance(TimeSpan.FromMilliseconds(5));
        Assert.That(inner.Writes, Is.EqualTo(1));
        _time.Advance(TimeSpan.FromMilliseconds(5));
        Assert.That(await read.WaitAsync(s_limit), Is.EqualTo(30));
        await device.WriteAsync(new byte[20]);
        _time.Advance(TimeSpan.FromMilliseconds(20));
        Assert.That((_time.ActiveTimers, inner.Writes, device.GetStatistics().Written.InFlight), Is.EqualTo((0, 1, 2L)), "the second write waits for the first, without a timer");
        gate.SetResult();
        await Eventually.IsAsync(() => device.GetStatistics().Written.Delivered == 2, "both are written");
        await near.DisposeAsync();
        await device.DisposeAsync();
        await far.DisposeAsync();
    }

    [Test]
    public async Task A_packet_that_comes_when_another_thread_stops_writing_waits_for_no_timer()
    {
        HookedTimeProvider clock = new(_time);
        ImpairmentDevice device = null!;
        ScriptedDevice inner = new();
        inner.OnWrite = _ =>
        {
            if (inner.Writes == 1)
            {
                // The first writer has read the clock for the last time and not let go yet; the second finds it busy, a tick later.
                clock.OnNextReading = () =>
                {
                    _time.Advance(TimeSpan.FromTicks(1));
                    ValueTask second = device.WriteAsync(new byte[21]);
                    Assert.That((second.IsCompletedSuccessfully, inner.Writes), Is.EqualTo((true, 1)));
                };
            }

            return Task.CompletedTask;
        };
        device = new ImpairmentDevice(inner, new ImpairmentOptions { TimeProvider = clock });
        await device.WriteAsync(new byte[20]);
        Assert.That((inner.Writes, _time.ActiveTimers, device.GetStatistics().Written.InFlight), Is.EqualTo((2, 0, 0L)));
        await device.DisposeAsync();
    }

    [Test]
    public async Task A_writer_is_not_kept_writing_what_others_bring()
    {
        ImpairmentDevice device = null!;
        ScriptedDevice inner = new();
        bool returned = false;
        inner.OnWrite = _ =>
        {
            // Others are as fast as the device is.
            if (!Volatile.Read(ref returned) && inner.Writes < 1_000_000)
            {
                Assert.That(device.WriteAsync(new byte[20]).IsCompletedSuccessfully);
            }

            return Task.CompletedTask;
        };
        device = new ImpairmentDevice(inner);
        await Task.Run(() => device.WriteAsync(new byte[20]).AsTask()).WaitAsync(s_limit);
        Volatile.Write(ref returned, true);
        Assert.That(inner.Writes, Is.LessThan(1_000_000), "it came back while others went on");
        await Eventually.IsAsync(() => device.GetStatistics().Written is { InFlight: 0 } written && written.Delivered == written.Packets, "nothing is left behind");
        await device.DisposeAsync();
    }

    /// <summary>Does what the test says. Reads wait for the end unless there is something to read.</summary>
    private sealed class ScriptedDevice : IIPDevice
    {
        private readonly TaskCompletionSource<int> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _writes;
        private int _disposals;

        public Func<ReadOnlyMemory<byte>, Task> OnWrite { get; set; } = static _ => Task.CompletedTask;

        public Func<Memory<byte>, CancellationToken, ValueTask<int>>? OnRead { get; init; }

        public int Writes => Volatile.Read(ref _writes);

        public int Disposals => Volatile.Read(ref _disposals);

        public int Mtu => 1500;

        public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            OnRead?.Invoke(buffer, cancellationToken) ?? new ValueTask<int>(_end.Task.WaitAsync(cancellationToken));

        public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _writes);
            return new ValueTask(OnWrite(packet));
        }

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref _disposals);
            _end.TrySetResult(0);
            return ValueTask.CompletedTask;
        }
    }
}
