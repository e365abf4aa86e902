using System.Net.Sockets;
using System.Runtime.CompilerServices;
using TunFlow.Lwip.Tests.Fakes;

namespace TunFlow.Lwip.Tests.Leaks;

/// <summary>Tests that leak, each in its own way, and one that doesn't.</summary>
[LeakCheck(PatienceMilliseconds = 200)]
internal sealed class Culprits
{
    private static readonly List<IDisposable> s_kept = [];
    private static LwipDevice? s_device;

    /// <summary>Gives back what the culprits kept.</summary>
    public static async Task AtoneAsync()
    {
        s_kept.ForEach(static kept => kept.Dispose());
        s_kept.Clear();
        if (s_device is { } device)
            await device.DisposeAsync();
        s_device = null;
    }

    [Culprit]
    public void Keeps_a_device() => s_device = Create();

    [Culprit]
    public void Loses_a_device() => Lose();

    [Culprit]
    public async Task Keeps_a_block()
    {
        LwipDevice device = Create();
        s_kept.Add(new Block(device));
        await device.DisposeAsync();
    }

    [Culprit]
    public void Keeps_a_socket() => s_kept.Add(new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));

    [Culprit]
    public void Keeps_a_thread()
    {
        Worker worker = new();
        s_kept.Add(worker);
    }

    [Culprit]
    public async Task Gives_everything_back()
    {
        LwipDevice device = Create();
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        using Block block = new(device);
        using Worker worker = new();
        await device.DisposeAsync();
    }

    private static LwipDevice Create() => new(new FakeDialer(), new FakePacketProxy());

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Lose() => Create();

    private sealed unsafe class Block(LwipDevice device) : IDisposable
    {
        private readonly byte* _memory = device.AllocateBlock(4096);

        public void Dispose() => Interop.NativeMethods.tf_block_free(_memory);
    }

    private sealed class Worker : IDisposable
    {
        private readonly ManualResetEventSlim _stop = new();
        private readonly Thread _thread;

        public Worker()
        {
            _thread = new Thread(_stop.Wait) { IsBackground = true, Name = "TunFlow culprit" };
            _thread.Start();
        }

        public void Dispose()
        {
            _stop.Set();
            _thread.Join();
            _stop.Dispose();
        }
    }
}
