using System.Buffers.Binary;
using System.Collections.Concurrent;
using TunFlow.Testing.Captures;

namespace TunFlow.Network.Tests;

/// <summary>What can't be interleaved by hand: many short lives at random moments, each of which must come out right.</summary>
internal sealed class DecoratorStressTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private static readonly CaptureOptions s_options = new() { QueueBytes = 256 * 1024 };

    [Test]
    public async Task Captures_that_start_and_stop_during_traffic_and_disposal_close_each_target_once_and_whole()
    {
        byte[] packet = new byte[40];
        Random random = new(1);
        int captures = 0, packets = 0;
        for (int life = 0; life < 150; life++)
        {
            (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair(new MemoryDeviceOptions { Capacity = 8 });
            CaptureDevice device = new(inner);
            ConcurrentQueue<(PacketCapture Capture, Target Target)> started = [];
            int spins = random.Next(2000), wanted = life % 3;
            Task starting = Task.Run(() => StartUntilDisposedAsync(device, started));
            Task writing = Task.Run(() => WriteUntilDisposedAsync(device, packet));
            await Task.Run(async () =>
            {
                // One that is stopped and, in two lives of three, others that meet the disposal.
                while (started.Count < wanted)
                {
                    await Task.Yield();
                    await device.StopCaptureAsync();
                }

                Thread.SpinWait(spins);
                await device.DisposeAsync();
            }).WaitAsync(s_limit);
            await Task.WhenAll(starting, writing).WaitAsync(s_limit);
            foreach ((PacketCapture capture, Target target) in started)
            {
                await capture.Completion.WaitAsync(s_limit);
                CaptureStatistics statistics = capture.GetStatistics();
                CaptureFile file = CaptureFile.Parse(target.ToArray());
                Assert.That((target.Disposals, capture.IsRunning, (long)file.Packets.Count, file.Statistics?[4]), Is.EqualTo((1, false, statistics.PacketsWritten, (ulong)statistics.PacketsSeen)));
                packets += file.Packets.Count;
            }

            captures += started.Count;
            await other.DisposeAsync();
        }

        Assert.That((captures > 100, packets > 0), Is.EqualTo((true, true)), $"{captures} captures of {packets} packets");
    }

    [TestCase("counting")]
    [TestCase("capture")]
    public async Task A_borrowed_device_loses_no_packet_to_decorators_that_are_disposed_in_the_middle_of_reads(string kind)
    {
        const int count = 5000;
        (MemoryDevice inner, MemoryDevice other) = MemoryDevice.CreatePair(new MemoryDeviceOptions { Capacity = count });
        int next = 0, lives = 0;
        Task writing = Task.Run(async () =>
        {
            byte[] packet = new byte[24];
            for (int i = 0; i < count; i++)
            {
                BinaryPrimitives.WriteInt32BigEndian(packet.AsSpan(20), i);
                await other.WriteAsync(packet);
                while (i >= 50 * Volatile.Read(ref lives) || Volatile.Read(ref next) < i - 16)
                {
                    await Task.Yield(); // so that there are many lives, and reads have to wait
                }
            }
        });
        Random random = new(2);
        while (next < count)
        {
            IBatchIPDevice device = kind == "counting" ? new CountingDevice(inner, ownsInner: false) : new CaptureDevice(inner, ownsInner: false);
            bool batches = Interlocked.Increment(ref lives) % 2 == 0;
            Task reading = Task.Run(async () =>
            {
                byte[] buffer = new byte[100];
                PacketBuffer[] batch = [new(buffer)];
                while ((batches ? await device.ReadBatchAsync(batch) : await device.ReadAsync(buffer)) > 0)
                {
                    Assert.That(BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(20)), Is.EqualTo(next));
                    Volatile.Write(ref next, next + 1);
                }
            });
            int until = Math.Min(Math.Min(count, 50 * lives), Volatile.Read(ref next) + random.Next(50));
            while (Volatile.Read(ref next) < until)
            {
                await Task.Yield();
            }

            await Task.WhenAll(Task.Run(() => device.DisposeAsync().AsTask()), device.DisposeAsync().AsTask()).WaitAsync(s_limit);
            await reading.WaitAsync(s_limit);
        }

        await writing.WaitAsync(s_limit);
        Assert.That((next, lives >= 100), Is.EqualTo((count, true)));
        await inner.DisposeAsync();
        await other.DisposeAsync();
    }

    private static async Task StartUntilDisposedAsync(CaptureDevice device, ConcurrentQueue<(PacketCapture, Target)> started)
    {
        while (true)
        {
            Target target = new();
            try
            {
                started.Enqueue((device.StartCapture(target, s_options), target));
            }
            catch (InvalidOperationException exception) when (exception is not ObjectDisposedException)
            {
                Assert.That(target.Disposals, Is.Zero);
                await Task.Yield();
            }
            catch (ObjectDisposedException)
            {
                Assert.That(target.Disposals, Is.Zero);
                return;
            }
        }
    }

    private static async Task WriteUntilDisposedAsync(CaptureDevice device, byte[] packet)
    {
        try
        {
            while (true)
            {
                await device.WriteAsync(packet);
            }
        }
        catch (ObjectDisposedException)
        {
            // The end.
        }
    }

    private sealed class Target : MemoryStream
    {
        private int _disposals;

        public int Disposals => Volatile.Read(ref _disposals);

        protected override void Dispose(bool disposing)
        {
            Interlocked.Increment(ref _disposals);
            base.Dispose(disposing);
        }
    }
}
