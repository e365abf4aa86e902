using System.Buffers.Binary;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>Thousands of TCP clients in front of a device, as lean as a load needs: one reader, a table, no allocation per packet. Each client has a server address of its own, which tells whose a packet, or a dial, is.</summary>
internal sealed class Swarm
{
    public const uint FirstServer = 0x0A80_0001; // 10.128.0.1
    public const ushort ServerPort = 80;

    [ThreadStatic]
    private static byte[]? s_scratch;

    private readonly IIPDevice _device;
    private readonly SwarmFlow[] _flows;
    private TaskCompletionSource _paused = Finished();

    /// <summary>Creates the clients; none is connected.</summary>
    /// <param name="device">Not owned. The swarm is its only reader.</param>
    /// <param name="count">How many.</param>
    public Swarm(IIPDevice device, int count)
    {
        _device = device;
        _flows = new SwarmFlow[count];
        for (int i = 0; i < count; i++)
            _flows[i] = new SwarmFlow(this, i);
        Completion = Task.Run(RunAsync);
    }

    public IReadOnlyList<SwarmFlow> Flows => _flows;

    /// <summary>Ends when the device does.</summary>
    public Task Completion { get; }

    /// <summary>Packets read.</summary>
    public long Packets { get; private set; }

    /// <summary>Packets that were for nobody, and what isn't TCP.</summary>
    public long Strays { get; private set; }

    /// <summary>A buffer of the calling thread's own.</summary>
    public static byte[] Scratch => s_scratch ??= new byte[2048];

    /// <summary>All of these connect; returns when they are open.</summary>
    public async Task ConnectAsync(int from = 0, int? count = null)
    {
        // In groups that the limit of pending dials admits.
        const int group = 200;
        int end = from + (count ?? _flows.Length - from);
        for (int first = from; first < end; first += group)
        {
            int last = Math.Min(first + group, end);
            for (int i = first; i < last; i++)
                _flows[i].SendSyn();
            await WaitAsync(() => All(first, last, static flow => flow.IsOpen), $"connections {first} to {last}");
        }
    }

    public bool All(Func<SwarmFlow, bool> condition) => All(0, _flows.Length, condition);

    /// <summary>Waits, in real time, and fails with what is wrong.</summary>
    public async Task WaitAsync(Func<bool> condition, string what, int seconds = 30)
    {
        long start = Environment.TickCount64;
        while (!condition())
        {
            if (Completion.IsCompleted)
                await Completion;
            if (Environment.TickCount64 - start > seconds * 1000L)
                Assert.Fail($"Never happened: {what}. {FirstFault()}");
            await Task.Delay(2);
        }
    }

    public void AssertIntact() => Assert.That(FirstFault(), Is.Null, "what is wrong with the first wrong packet");

    /// <summary>Lets packets wait in the device until <see cref="Resume"/>.</summary>
    public void Pause() => Volatile.Write(ref _paused, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    public void Resume() => _paused.TrySetResult();

    internal void Write(ReadOnlyMemory<byte> packet)
    {
        ValueTask write = _device.WriteAsync(packet);
        if (!write.IsCompletedSuccessfully)
            write.AsTask().GetAwaiter().GetResult();
    }

    private static TaskCompletionSource Finished()
    {
        TaskCompletionSource source = new();
        source.SetResult();
        return source;
    }

    private string? FirstFault() => _flows.FirstOrDefault(static flow => flow.Fault is not null) is { } flow ? $"Client {flow.Index}: {flow.Fault}." : null;

    private bool All(int first, int last, Func<SwarmFlow, bool> condition)
    {
        for (int i = first; i < last; i++)
        {
            if (!condition(_flows[i]))
                return false;
        }

        return true;
    }

    private async Task RunAsync()
    {
        byte[] buffer = new byte[PacketBuffer.MaxPacketLength];
        int length;
        while ((length = await _device.ReadAsync(buffer).ConfigureAwait(false)) > 0)
        {
            await Volatile.Read(ref _paused).Task.ConfigureAwait(false);
            Packets++;
            Dispatch(buffer.AsSpan(0, length));
        }
    }

    private void Dispatch(ReadOnlySpan<byte> packet)
    {
        uint index = BinaryPrimitives.ReadUInt32BigEndian(packet[12..]) - FirstServer;
        if (packet[9] == PacketBuilder.Tcp && index < (uint)_flows.Length && _flows[index].Port == BinaryPrimitives.ReadUInt16BigEndian(packet[22..]))
            _flows[index].Handle(packet);
        else
            Strays++;
    }
}
