using System.Net;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Network.Tests;

/// <content>What the tests send with, and the devices and targets they send to.</content>
internal sealed partial class ImpairmentDeviceTests
{
    private LinkImpairmentStatistics _last;

    private async Task<List<(TimeSpan At, byte[] Packet)>> SendAsync(LinkImpairment impairment, int count, TimeSpan gap, ulong seed = 1)
    {
        ManualTimeProvider time = new();
        await using Bench bench = new(time, impairment, seed);
        List<(TimeSpan, byte[])> arrived = [];
        for (int i = 0; i < count; i++)
        {
            await bench.Device.WriteAsync(MakePacket(i));
            Collect();
            time.Advance(gap);
            Collect();
        }

        while (time.NextTimer is { } next)
        {
            time.Advance(next);
            Collect();
        }

        Assert.That((time.ActiveTimers, bench.Written.InFlight), Is.EqualTo((0, 0L)));
        _last = bench.Written;
        Assert.That(
            _last.Packets + _last.Duplicated,
            Is.EqualTo(_last.Lost + _last.Delivered + _last.DroppedByRate + _last.DroppedByLimit + _last.DroppedAtEnd + _last.DroppedByClosing), "every packet is accounted for");
        return arrived;

        void Collect() => arrived.AddRange(bench.TakeAll().Select(packet => (time.Elapsed, packet)));
    }

    private async Task<(List<int> Arrived, LinkImpairmentStatistics Statistics)> SendManyAsync(LinkImpairment impairment)
    {
        await using Bench bench = new(_time, impairment);
        List<int> arrived = [];
        for (int i = 0; i < Many; i++)
        {
            await bench.Device.WriteAsync(MakePacket(i));
            arrived.AddRange(bench.TakeAll().Select(Number));
        }

        Assert.That(bench.Written.Packets, Is.EqualTo(Many));
        return (arrived, bench.Written);
    }

    private static string Describe(List<(TimeSpan At, byte[] Packet)> arrived) =>
        string.Join('\n', arrived.Select(packet => $"{packet.At.Ticks} {Convert.ToHexString(packet.Packet)}"));

    /// <summary>100 bytes that carry a number where nothing else is.</summary>
    private static byte[] MakePacket(int number)
    {
        byte[] packet = new byte[100];
        packet[0] = 0x45;
        BitConverter.TryWriteBytes(packet.AsSpan(50), number);
        return packet;
    }

    private static int Number(byte[] packet) => BitConverter.ToInt32(packet, 50);

    /// <summary>An impaired writer and what arrives behind it.</summary>
    private sealed class Bench : IAsyncDisposable
    {
        private readonly RecordingDevice _inner = new();

        public Bench(ManualTimeProvider time, LinkImpairment written, ulong seed = 1, Func<ImpairmentOptions, ImpairmentOptions>? configure = null)
        {
            ImpairmentOptions options = new() { TimeProvider = time, Written = written, Seed = seed };
            Device = new ImpairmentDevice(_inner, configure?.Invoke(options) ?? options);
        }

        public ImpairmentDevice Device { get; }

        public LinkImpairmentStatistics Written => Device.GetStatistics().Written;

        /// <summary>What arrived since the last call.</summary>
        public List<byte[]> TakeAll() => _inner.TakeAll();

        public ValueTask DisposeAsync() => Device.DisposeAsync();
    }

    /// <summary>Keeps what is written.</summary>
    private sealed class RecordingDevice : IIPDevice
    {
        private List<byte[]> _packets = [];

        public int Mtu => 1500;

        public List<byte[]> TakeAll()
        {
            List<byte[]> packets = _packets;
            _packets = [];
            return packets;
        }

        public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(0);

        public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default)
        {
            _packets.Add(packet.ToArray());
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>Fails every read, and every second write.</summary>
    private sealed class FailingDevice : IIPDevice
    {
        public int Writes { get; private set; }

        public int Mtu => 1500;

        public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException<int>(new NetworkException(NetworkError.Unknown, "EIO", 5));

        public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default) =>
            ++Writes % 2 == 0 ? throw new NetworkException(NetworkError.Unknown, "EIO", 5) : ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
