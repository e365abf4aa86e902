using System.Net;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Network.Tests;

/// <summary>What the impairment does to packets, on virtual time and with fixed seeds: nothing here depends on the machine.</summary>
internal sealed partial class ImpairmentDeviceTests
{
    private const int Many = 100_000;

    private readonly ManualTimeProvider _time = new();

    [Test]
    public async Task Without_impairments_nothing_changes_and_no_timer_exists()
    {
        List<(TimeSpan, byte[])> arrived = await SendAsync(new LinkImpairment(), 1000, TimeSpan.FromMilliseconds(1));
        Assert.That(arrived.Select(packet => Number(packet.Item2)), Is.EqualTo(Enumerable.Range(0, 1000)));
        Assert.That(arrived.Select(packet => packet.Item1), Is.EqualTo(Enumerable.Range(0, 1000).Select(i => TimeSpan.FromMilliseconds(i))));
    }

    [TestCase(0.01)]
    [TestCase(0.3)]
    public async Task Independent_loss_hits_the_rate_and_leaves_the_rest_alone(double rate)
    {
        (List<int> arrived, LinkImpairmentStatistics statistics) = await SendManyAsync(new LinkImpairment { Loss = rate });
        // Four standard deviations of a binomial distribution.
        Assert.That(statistics.Lost, Is.EqualTo(Many * rate).Within(4 * Math.Sqrt(Many * rate * (1 - rate))));
        Assert.That((arrived.Count, statistics.Delivered), Is.EqualTo((Many - (int)statistics.Lost, Many - statistics.Lost)));
        Assert.That(arrived, Is.Ordered);

        // Independent: how often two in a row are lost is the rate squared.
        HashSet<int> there = [.. arrived];
        int pairs = Enumerable.Range(0, Many - 1).Count(i => !there.Contains(i) && !there.Contains(i + 1));
        Assert.That(pairs, Is.EqualTo(Many * rate * rate).Within(5 * Math.Sqrt(Many * rate * rate)));
    }

    [Test]
    public async Task Bursts_have_the_share_and_the_length_of_their_model()
    {
        (List<int> arrived, LinkImpairmentStatistics statistics) = await SendManyAsync(new LinkImpairment { Bursts = new BurstLoss { Enter = 0.01, Leave = 0.2 } });
        Assert.That(statistics.LostInBursts, Is.EqualTo(statistics.Lost));
        Assert.That((double)statistics.Lost / Many, Is.EqualTo(0.01 / 0.21).Within(0.005));
        HashSet<int> there = [.. arrived];
        int bursts = Enumerable.Range(1, Many - 1).Count(i => there.Contains(i - 1) && !there.Contains(i));
        Assert.That((double)statistics.Lost / bursts, Is.EqualTo(5).Within(0.4));
    }

    [Test]
    public async Task A_burst_need_not_lose_everything()
    {
        (_, LinkImpairmentStatistics statistics) = await SendManyAsync(new LinkImpairment { Bursts = new BurstLoss { Enter = 0.1, Leave = 0.1, Loss = 0.4 } });
        Assert.That((double)statistics.Lost / Many, Is.EqualTo(0.2).Within(0.01));
    }

    [Test]
    public async Task Duplicates_come_right_behind_their_originals()
    {
        (List<int> arrived, LinkImpairmentStatistics statistics) = await SendManyAsync(new LinkImpairment { Duplication = 0.05 });
        Assert.That(statistics.Duplicated, Is.EqualTo(Many * 0.05).Within(4 * Math.Sqrt(Many * 0.05)));
        Assert.That((arrived.Count, arrived.Distinct().Count()), Is.EqualTo((Many + (int)statistics.Duplicated, Many)));
        Assert.That(arrived, Is.Ordered);
    }

    [Test]
    public async Task Corruption_turns_over_one_bit_anywhere_in_the_packet()
    {
        byte[] original = MakePacket(0);
        int[] positions = new int[original.Length * 8];
        int corrupted = 0;
        await using Bench bench = new(_time, new LinkImpairment { Corruption = 0.1 });
        for (int i = 0; i < Many; i++)
        {
            await bench.Device.WriteAsync(original);
            byte[] packet = bench.TakeAll().Single();
            if (packet.AsSpan().SequenceEqual(original))
            {
                continue;
            }

            int[] differences = [.. Enumerable.Range(0, positions.Length).Where(bit => ((packet[bit / 8] ^ original[bit / 8]) >> (bit % 8) & 1) != 0)];
            Assert.That(differences, Has.Length.EqualTo(1));
            corrupted++;
            positions[differences[0]]++;
        }

        Assert.That(bench.Written.Corrupted, Is.EqualTo(corrupted));
        Assert.That(corrupted, Is.EqualTo(Many * 0.1).Within(4 * Math.Sqrt(Many * 0.1 * 0.9)));
        double mean = (double)corrupted / positions.Length;
        Assert.That(positions.Max(), Is.LessThan(mean + (6 * Math.Sqrt(mean))));
        Assert.That(positions.Min(), Is.GreaterThan(mean - (6 * Math.Sqrt(mean))));
        Assert.That(original, Is.EqualTo(MakePacket(0)), "the writer's packet is the writer's");
    }

    [Test]
    public async Task Delay_and_jitter_stay_in_their_range_and_keep_the_order()
    {
        TimeSpan delay = TimeSpan.FromMilliseconds(20), jitter = TimeSpan.FromMilliseconds(10), gap = TimeSpan.FromMilliseconds(1);
        List<(TimeSpan At, byte[] Packet)> arrived = await SendAsync(new LinkImpairment { Delay = delay, Jitter = jitter }, 5000, gap);
        Assert.That(arrived.Select(packet => Number(packet.Packet)), Is.EqualTo(Enumerable.Range(0, 5000)));
        double[] waits = [.. arrived.Select((packet, i) => (packet.At - (gap * i)).TotalMilliseconds)];
        Assert.That(waits, Is.All.InRange(20, 31), "the timer's millisecond included");
        Assert.That((waits.Min(), waits.Max()), Is.EqualTo((21, 30)).Within(1.5));
    }

    [Test]
    public async Task A_reordered_packet_is_overtaken_by_what_comes_within_its_delay()
    {
        LinkImpairment impairment = new() { Reordering = 0.02, ReorderDelay = TimeSpan.FromMilliseconds(3), Delay = TimeSpan.FromMilliseconds(5) };
        List<(TimeSpan At, byte[] Packet)> arrived = await SendAsync(impairment, 10_000, TimeSpan.FromMilliseconds(1));
        Assert.That(arrived.Select(packet => Number(packet.Packet)), Is.EquivalentTo(Enumerable.Range(0, 10_000)));
        int[] numbers = [.. arrived.Select(packet => Number(packet.Packet))];
        int late = 0;
        for (int i = 1; i < numbers.Length; i++)
        {
            if (numbers[i] < numbers[i - 1])
            {
                late++;
            }
        }

        Assert.That(_last.Reordered, Is.EqualTo(200).Within(60));
        // Two that are held back side by side don't overtake each other.
        Assert.That(late, Is.InRange(_last.Reordered * 0.9, _last.Reordered));
        Assert.That(arrived.Select(packet => (packet.At - TimeSpan.FromMilliseconds(Number(packet.Packet))).TotalMilliseconds).Distinct(), Is.EquivalentTo(new[] { 5.0, 8.0 }));
    }

    [Test]
    public async Task The_rate_limit_lets_a_burst_pass_and_then_spaces_packets_out()
    {
        // 100 packets of 100 bytes at once; a burst of 2,000 bytes; 10,000 bytes per second; a queue of 5,000 bytes.
        await using Bench bench = new(_time, new LinkImpairment { BytesPerSecond = 10_000, BurstBytes = 2000, QueueBytes = 5000 });
        for (int i = 0; i < 100; i++)
        {
            await bench.Device.WriteAsync(MakePacket(i));
        }

        Assert.That(bench.TakeAll().Select(Number), Is.EqualTo(Enumerable.Range(0, 20)));
        Assert.That((bench.Written.DroppedByRate, bench.Written.InFlight), Is.EqualTo((30, 50)));
        for (int i = 20; i < 70; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(10));
            Assert.That(bench.TakeAll().Select(Number), Is.EqualTo(new[] { i }));
        }

        Assert.That(_time.ActiveTimers, Is.Zero);
        // The bucket fills up again.
        _time.Advance(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 25; i++)
        {
            await bench.Device.WriteAsync(MakePacket(i));
        }

        Assert.That(bench.TakeAll().Count, Is.EqualTo(20));
    }

    [Test]
    public async Task The_rate_holds_over_time()
    {
        await using Bench bench = new(_time, new LinkImpairment { BytesPerSecond = 1_000_000, BurstBytes = 1500, QueueBytes = 20_000 });
        long arrived = 0;
        for (int i = 0; i < 10_000; i++)
        {
            for (int j = 0; j < 20; j++)
            {
                await bench.Device.WriteAsync(MakePacket(j));
            }

            _time.Advance(TimeSpan.FromMilliseconds(1));
            arrived += bench.TakeAll().Count * 100;
        }

        Assert.That(arrived, Is.EqualTo(10_000_000).Within(1).Percent);
        Assert.That(bench.Written.DroppedByRate, Is.GreaterThan(90_000));
    }

    [Test]
    public async Task The_same_seed_input_and_time_give_the_same_output()
    {
        LinkImpairment impairment = new()
        {
            Loss = 0.05, Bursts = new BurstLoss { Enter = 0.01, Leave = 0.3 }, Corruption = 0.02, Duplication = 0.03, Reordering = 0.04,
            Delay = TimeSpan.FromMilliseconds(7), Jitter = TimeSpan.FromMilliseconds(9), BytesPerSecond = 200_000,
        };
        string first = Describe(await SendAsync(impairment, 20_000, TimeSpan.FromTicks(3_333), seed: 42));
        string second = Describe(await SendAsync(impairment, 20_000, TimeSpan.FromTicks(3_333), seed: 42));
        string other = Describe(await SendAsync(impairment, 20_000, TimeSpan.FromTicks(3_333), seed: 43));
        Assert.That(second, Is.EqualTo(first));
        Assert.That(other, Is.Not.EqualTo(first));

        // The choices of one effect don't depend on the settings of the others.
        List<int> lossOnly = [.. (await SendAsync(new LinkImpairment { Loss = 0.05 }, 5000, TimeSpan.FromTicks(3_333), seed: 42)).Select(packet => Number(packet.Packet))];
        LinkImpairment more = new() { Loss = 0.05, Jitter = TimeSpan.FromMilliseconds(1), Duplication = 0.5 };
        List<int> lossAndMore = [.. (await SendAsync(more, 5000, TimeSpan.FromTicks(3_333), seed: 42)).Select(packet => Number(packet.Packet)).Distinct()];
        Assert.That(lossAndMore, Is.EqualTo(lossOnly));
    }

    [Test]
    public async Task The_random_numbers_are_those_of_the_published_algorithm()
    {
        // SplitMix64 from seed 1234567, as its authors' reference code gives them.
        ImpairmentRandom random = new(1234567);
        ulong[] numbers = [random.Next(), random.Next(), random.Next()];
        Assert.That(numbers, Is.EqualTo(new[] { 6457827717110365317UL, 3203168211198807973UL, 9817491932198370423UL }));
        await Task.CompletedTask;
    }

    [Test]
    public async Task What_is_read_is_impaired_the_same_way()
    {
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        ImpairmentOptions options = new() { TimeProvider = _time, Seed = 5, Read = new LinkImpairment { Loss = 0.2, Delay = TimeSpan.FromMilliseconds(10) } };
        await using ImpairmentDevice device = new(inner, options);
        byte[] buffer = new byte[1500];
        Task<int> read = device.ReadAsync(buffer).AsTask();
        for (int i = 0; i < 500; i++)
        {
            await other.WriteAsync(MakePacket(i));
        }

        await Eventually.IsAsync(() => device.GetStatistics().Read.Packets == 500, "all were taken out of the device");
        LinkImpairmentStatistics before = device.GetStatistics().Read;
        Assert.That((before.Lost, before.InFlight, before.Delivered, read.IsCompleted), Is.EqualTo((500 - before.InFlight, 500 - before.Lost, 0L, false)));
        Assert.That(before.Lost, Is.EqualTo(100).Within(40));
        Assert.That(_time.ActiveTimers, Is.EqualTo(1));
        _time.Advance(TimeSpan.FromMilliseconds(10));
        Assert.That(_time.ActiveTimers, Is.Zero);
        List<int> numbers = [Number(buffer[..await read.WaitAsync(TimeSpan.FromSeconds(10))])];
        while (numbers.Count < before.InFlight)
        {
            numbers.Add(Number(buffer[..await device.ReadAsync(buffer)]));
        }

        Assert.That(numbers, Is.Ordered);
        Assert.That(device.GetStatistics().Read.Delivered, Is.EqualTo(before.InFlight));
        await other.DisposeAsync();
    }

    [Test]
    public async Task Packets_that_nobody_reads_are_dropped_and_counted()
    {
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        await using ImpairmentDevice device = new(inner, new ImpairmentOptions { ReadQueueLength = 10 });
        await other.WriteAsync(MakePacket(0));
        await device.ReadAsync(new byte[1500]);
        for (int i = 0; i < 25; i++)
        {
            await other.WriteAsync(MakePacket(i));
        }

        await Eventually.IsAsync(() => device.GetStatistics().Read is { Delivered: 11, DroppedAtEnd: 15 }, "10 wait and 15 are dropped");
        await other.DisposeAsync();
    }

    [Test]
    public async Task Memory_is_bounded_by_packets_and_by_bytes()
    {
        LinkImpairment slow = new() { Delay = TimeSpan.FromSeconds(1) };
        await using Bench packets = new(_time, slow, configure: options => options with { MaxDelayedPackets = 10 });
        await using Bench bytes = new(_time, slow, configure: options => options with { MaxDelayedBytes = 65_536 });
        for (int i = 0; i < 1000; i++)
        {
            await packets.Device.WriteAsync(MakePacket(i));
            await bytes.Device.WriteAsync(MakePacket(i));
        }

        Assert.That((packets.Written.InFlight, packets.Written.DroppedByLimit), Is.EqualTo((10, 990)));
        Assert.That((bytes.Written.InFlight, bytes.Written.DroppedByLimit), Is.EqualTo((655, 345)));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That((packets.TakeAll().Count, bytes.TakeAll().Count), Is.EqualTo((10, 655)));
    }

    [Test]
    public async Task Disposing_drops_and_counts_what_is_on_its_way_and_stops_the_timer()
    {
        await using Bench bench = new(_time, new LinkImpairment { Delay = TimeSpan.FromSeconds(1) });
        for (int i = 0; i < 7; i++)
        {
            await bench.Device.WriteAsync(MakePacket(i));
        }

        Assert.That(_time.ActiveTimers, Is.EqualTo(1), "one timer for all");
        await bench.Device.DisposeAsync();
        Assert.That((_time.ActiveTimers, bench.Written.InFlight, bench.Written.DroppedByClosing), Is.EqualTo((0, 0L, 7L)));
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.That(bench.TakeAll(), Is.Empty);
    }

    [Test]
    public async Task The_directions_have_random_numbers_of_their_own()
    {
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair();
        LinkImpairment half = new() { Loss = 0.5 };
        await using ImpairmentDevice device = new(inner, new ImpairmentOptions { Read = half, Written = half, Seed = 5 });
        for (int i = 0; i < 200; i++)
        {
            await device.WriteAsync(MakePacket(i));
            await other.WriteAsync(MakePacket(i));
        }

        Task<int> start = device.ReadAsync(new byte[100]).AsTask();
        await Eventually.IsAsync(() => device.GetStatistics().Read.Packets == 200, "all passed");
        await start;
        List<int> read = [], written = [];
        byte[] buffer = new byte[100];
        for (long left = device.GetStatistics().Read.Delivered - 1; left > 0; left--)
        {
            await device.ReadAsync(buffer);
            read.Add(Number(buffer));
        }

        for (long left = device.GetStatistics().Written.Delivered; left > 0; left--)
        {
            await other.ReadAsync(buffer);
            written.Add(Number(buffer));
        }

        Assert.That(read.Intersect(written).Count(), Is.EqualTo(50).Within(30), "of 100 and 100");
        await other.DisposeAsync();
    }

    [Test]
    public async Task An_error_of_a_delayed_write_is_counted_and_the_next_packet_gets_its_chance()
    {
        FailingDevice inner = new();
        await using ImpairmentDevice device = new(inner, new ImpairmentOptions { TimeProvider = _time, Written = new LinkImpairment { Delay = TimeSpan.FromMilliseconds(1) } });
        for (int i = 0; i < 4; i++)
        {
            await device.WriteAsync(MakePacket(i));
        }

        _time.Advance(TimeSpan.FromMilliseconds(1));
        LinkImpairmentStatistics written = device.GetStatistics().Written;
        Assert.That((written.Delivered, written.DroppedAtEnd, inner.Writes), Is.EqualTo((2, 2, 4)));
    }

    [Test]
    public async Task A_read_that_fails_is_told_to_the_reader()
    {
        FailingDevice inner = new();
        await using ImpairmentDevice device = new(inner);
        for (int i = 0; i < 2; i++)
        {
            NetworkException? thrown = await Assert.ThrowsAsync<NetworkException>(async () => await device.ReadAsync(new byte[100]));
            Assert.That(thrown!.HResult, Is.EqualTo(5));
        }

        await device.WriteAsync(MakePacket(0));
    }

    [Test]
    public void Impossible_options_are_refused()
    {
        Assert.Multiple(() =>
        {
            foreach (double bad in new[] { -0.1, 1.1, double.NaN, double.PositiveInfinity })
            {
                Assert.That(() => new LinkImpairment { Loss = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
                Assert.That(() => new LinkImpairment { Corruption = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
                Assert.That(() => new LinkImpairment { Duplication = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
                Assert.That(() => new LinkImpairment { Reordering = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
                Assert.That(() => new BurstLoss { Enter = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
                Assert.That(() => new BurstLoss { Leave = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
                Assert.That(() => new BurstLoss { Loss = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
            }

            Assert.That(() => new BurstLoss { Leave = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
            foreach (TimeSpan bad in new[] { TimeSpan.FromTicks(-1), TimeSpan.FromHours(2), Timeout.InfiniteTimeSpan })
            {
                Assert.That(() => new LinkImpairment { Delay = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
                Assert.That(() => new LinkImpairment { Jitter = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
                Assert.That(() => new LinkImpairment { ReorderDelay = bad }, Throws.TypeOf<ArgumentOutOfRangeException>());
            }

            Assert.That(() => new LinkImpairment { BytesPerSecond = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new LinkImpairment { BurstBytes = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new LinkImpairment { QueueBytes = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new ImpairmentOptions { MaxDelayedPackets = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new ImpairmentOptions { MaxDelayedBytes = 65_535 }, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new ImpairmentOptions { ReadQueueLength = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new ImpairmentOptions { Read = null! }, Throws.TypeOf<ArgumentNullException>());
            Assert.That(() => new ImpairmentOptions { TimeProvider = null! }, Throws.TypeOf<ArgumentNullException>());
            Assert.That(() => new ImpairmentDevice(null!), Throws.TypeOf<ArgumentNullException>());
        });
    }
}
