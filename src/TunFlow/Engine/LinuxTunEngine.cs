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
/// The thread waits in poll, reads until the TUN is empty or a batch is full, and passes the batch to the stack. It ends when the TUN is
/// closed, the stack is gone, or <see cref="StopInput"/> was called. It runs no user code: relays are woken on the thread pool.
/// </remarks>
[SupportedOSPlatform("linux")]
internal sealed partial class LinuxTunEngine : IPacketEngine
{
    private const int MostPackets = 64;
    private const int LongestBatch = 256 * 1024;

    private readonly LinuxTunDevice _tun;
    private readonly TunDescriptor _descriptor;
    private readonly LwipDevice _stack;
    private readonly InputBlocks _blocks;
    private readonly EventDescriptor _stop = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _notWrittenBefore;
    private Thread? _thread;
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
            _stop.Dispose();
            throw;
        }
    }

    public Task Completion => _completion.Task;

    public long PacketsNotWritten => NotWritten(_tun) - _notWrittenBefore;

    public void Start()
    {
        _stack.AttachSink(this);
        Thread thread = new(Run) { IsBackground = true, Name = $"TunFlow {_tun.Name}" };
        thread.Start();
        _thread = thread;
    }

    public void Fail(Exception exception)
    {
        if (_thread is { IsAlive: true } || !_completion.TrySetException(exception))
            return;
        _stack.DetachSink();
        _blocks.Free();
        _tun.ReleaseReader();
    }

    public void StopInput()
    {
        _stopping = true;
        _stop.Set();
    }

    public async ValueTask DetachAsync()
    {
        StopInput();
        await StopAsync().ConfigureAwait(false);
        _stack.DetachSink();
    }

    public async ValueTask StopAsync()
    {
        // The stack's last packets were pushed by its disposal. Only the thread is left, and it never waits for anything but poll.
        await _completion.Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _thread?.Join();
        _stop.Dispose();
    }

    private void Run()
    {
        Exception? failure = null;
        try
        {
            while (!_stopping && Serve())
            {
            }

            failure = FailureOfDevice();
        }
        catch (Exception exception)
        {
            // A thread of ours must not take the process down; whoever awaits the tunnel gets to know.
            failure = exception;
        }
        finally
        {
            _blocks.Free();
            _tun.ReleaseReader();
        }

        if (failure is null)
            _completion.TrySetResult();
        else
            _completion.TrySetException(failure);
    }

    /// <summary>One batch, or one wait. False at the end.</summary>
    private unsafe bool Serve()
    {
        TfPacket* packets = stackalloc TfPacket[MostPackets];
        int count = ReadBatch(packets, out TunReadStatus status);
        if (count > 0 && !_stack.Input(packets, count))
            return false;
        if (status == TunReadStatus.WouldBlock)
            return (_descriptor.Wait(_stop, Timeout.InfiniteTimeSpan) & (TunWaitResult.Closed | TunWaitResult.Event)) == 0;
        return status != TunReadStatus.Closed;
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
}
