using System.Net;
using System.Runtime.Versioning;
using TunFlow.Devices;
using TunFlow.Devices.Linux;
using TunFlow.Devices.Linux.Native;
using TunFlow.Interop;
using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow;

/// <summary>Serves a Linux TUN by one thread that reads it straight into the stack's memory; what the stack sends goes to the TUN by whichever thread made it.</summary>
/// <remarks>
/// The thread waits in epoll, reads until the TUN is empty or a batch is full, and passes the batch to the stack. It ends when the TUN is
/// closed, the stack is gone, or <see cref="StopInput"/> was called. Relays whose upstreams are plain sockets run here, all others
/// on the thread pool. The application's dialers, configurators, policy, log and metrics are never called here; what it attaches to the runtime
/// itself (an EventListener, AppDomain.FirstChanceException) is, as on any thread.
/// </remarks>
[SupportedOSPlatform("linux")]
internal sealed partial class LinuxTunEngine : IPacketEngine, IRelayLoop
{
    private const int MostPackets = 64;
    private const int LongestBatch = 256 * 1024;

    private readonly LinuxTunDevice _tun;
    private readonly TunDescriptor _descriptor;
    private readonly LwipDevice _stack;
    private readonly InputBlocks _blocks;
    private readonly EventLoop _events = new();
    private readonly WorkQueue _work = new();
    private readonly Readiness _readiness = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _notWrittenBefore;
    private Thread? _thread;
    private Registration? _packets;
    private Registration? _closing;
    private Registration? _wake;
    private volatile bool _stopping;

    public LinuxTunEngine(LinuxTunDevice tun, LwipDevice stack)
    {
        _tun = tun;
        _descriptor = tun.Descriptor;
        _stack = stack;
        _blocks = new InputBlocks(stack);
        _offloads = tun.SupportedOffloads;
        _notWrittenBefore = NotWritten(tun);
        try
        {
            _tun.ClaimReader();
        }
        catch
        {
            DisposeDescriptors();
            throw;
        }
    }

    public Task Completion => _completion.Task;

    public long PacketsNotWritten => NotWritten(_tun) - _notWrittenBefore;

    public void Start()
    {
        try
        {
            _closing = new Registration(_events, _descriptor.Closing.Handle, PollCalls.EpollIn, Woken.Instance);
            _packets = new Registration(_events, _descriptor.Handle, PollCalls.EpollIn, _readiness);
        }
        catch (ObjectDisposedException)
        {
            // The TUN is closed already: the thread sees it and ends in order.
        }

        _wake = new Registration(_events, _work.Wake.Handle, PollCalls.EpollIn | PollCalls.EpollEdge, Woken.Instance);
        _stack.AttachSink(this);
        _stack.SetLoop(this);
        Thread thread = new(Run) { IsBackground = true, Name = $"TunFlow {_tun.Name}" };
        thread.UnsafeStart();
        _thread = thread;
    }

    public void Fail(Exception exception)
    {
        if (_thread is { IsAlive: true } || !_completion.TrySetException(exception))
            return;
        // Whoever called knows why already.
        _ = _completion.Task.Exception;
        _stack.SetLoop(null);
        _stack.DetachSink();
        _blocks.Free();
        _tun.ReleaseReader();
        LeaveTun();
        _work.End();
        DisposeDescriptors();
    }

    public void StopInput()
    {
        _stopping = true;
        _work.Wake.Set();
    }

    public async ValueTask DetachAsync()
    {
        _stack.SetLoop(null);
        StopInput();
        await StopAsync().ConfigureAwait(false);
        _stack.DetachSink();
    }

    public async ValueTask StopAsync() =>
        // The thread has let go of the TUN then. It goes on for the connections that it waits for, each until its end.
        await _completion.Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    bool IRelayLoop.CanDial(IStreamDialer dialer, IPEndPoint remote) => !_stopping && LoopDialer.CanDial(dialer, remote);

    Task<StreamConnection> IRelayLoop.DialAsync(IStreamDialer dialer, IPEndPoint remote, CancellationToken cancellationToken) =>
        LoopDialer.DialAsync(dialer, remote, _events, this, cancellationToken);

    void IRelayLoop.Post(IThreadPoolWorkItem work) => _work.Post(work);

    private void LeaveTun()
    {
        _packets?.Dispose();
        _closing?.Dispose();
    }

    private void DisposeDescriptors()
    {
        _wake?.Dispose();
        _events.Dispose();
        _work.Dispose();
    }

    private void Run()
    {
        Exception? failure = null;
        _work.Claim();
        try
        {
            while (!_stopping && !_descriptor.IsClosed && Serve())
            {
            }

            failure = FailureOfDevice();
        }
        catch (Exception exception)
        {
            // A thread of ours must not take the process down; whoever awaits the tunnel gets to know.
            failure = exception;
        }

        _stopping = true;
        LeaveTun();
        _blocks.Free();
        _tun.ReleaseReader();
        if (failure is null)
            _completion.TrySetResult();
        else
            _completion.TrySetException(failure);
        ServeConnections();
        _work.End();
        DisposeDescriptors();
    }

    /// <summary>The TUN is gone, or another's; flows that were begun here go on.</summary>
    private void ServeConnections()
    {
        const int own = 1;
        _events.Removed = _work.Wake.Set;
        try
        {
            _work.Run();
            while (!_events.TryClose(own))
            {
                _events.Wait(block: _work.TrySleep());
                _work.Awake();
                _work.Run();
            }
        }
        catch (Exception exception)
        {
            // Without the wait nobody would tell the connections anything any more.
            _stack.Report(exception);
            _events.Abandon();
        }
    }

    /// <summary>One batch of packets, what it woke, and a look at what else is there, or a wait for it. False at the end.</summary>
    private unsafe bool Serve()
    {
        if (_readiness.IsSet)
        {
            TfPacket* packets = stackalloc TfPacket[MostPackets];
            int count = ReadBatch(packets, out TunReadStatus status);
            if (count > 0 && !_stack.Input(packets, count))
                return false;
            if (status == TunReadStatus.Closed)
                return false;
            if (status == TunReadStatus.WouldBlock)
                _readiness.Clear();
        }

        _work.Run();
        bool sleeps = !_readiness.IsSet && _work.TrySleep();
        _events.Wait(sleeps);
        _work.Awake();
        return true;
    }

    private unsafe int ReadBatch(TfPacket* packets, out TunReadStatus status)
    {
        int count = 0, bytes = 0;
        status = TunReadStatus.Packet;
        _blocks.Begin((_offloads & PacketOffloads.TcpSegmentation) != 0 ? PacketBuffer.MaxPacketLength : _tun.Mtu);
        while (count < MostPackets && bytes < LongestBatch && _blocks.TryGetSpace(out byte* space, out byte* block))
        {
            status = _descriptor.TryRead(space, _blocks.Space, out int length, out PacketOffload offload);
            if (status == TunReadStatus.Dropped)
                continue;
            if (status != TunReadStatus.Packet)
                break;
            packets[count++] = new TfPacket
            {
                Data = space,
                Length = (uint)length,
                Block = block,
                Offload = OffloadConversion.ToNative(in offload),
            };
            _blocks.Take(length);
            bytes += length;
        }

        return count;
    }

    private static long NotWritten(LinuxTunDevice tun)
    {
        LinuxTunStatistics now = tun.GetStatistics();
        return now.WritesDroppedInterfaceDown + now.WritesDroppedNoRoom + now.WritesDroppedRejected;
    }

    private NetworkException? FailureOfDevice()
    {
        int errno = _descriptor.Failure;
        if (errno == 0 || _descriptor.IsClosed || _stopping)
            return null;
        // The interface was deleted: the end of the device, not a fault of it.
        if (TunDescriptor.IsEnd(errno))
            return null;
        return new NetworkException(Errno.Classify(errno), $"Reading from the TUN '{_tun.Name}' failed: {Errno.Describe(errno)}.", errno);
    }

    /// <summary>There may be packets.</summary>
    private sealed class Readiness : IEventTarget
    {
        public bool IsSet { get; private set; }

        public void Clear() => IsSet = false;

        public void OnEvents(uint events) => IsSet = true;
    }

    /// <summary>Only ends the wait.</summary>
    private sealed class Woken : IEventTarget
    {
        public static readonly Woken Instance = new();

        public void OnEvents(uint events)
        {
        }
    }
}
