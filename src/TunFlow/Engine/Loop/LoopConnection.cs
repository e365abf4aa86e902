using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using TunFlow.Devices.Linux.Native;
using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow;

/// <summary>A TCP socket that an <see cref="EventLoop"/> waits for, instead of the runtime's own engine. Its calls continue on the loop's thread.</summary>
/// <remarks>
/// Theory of operation. Every call asks the kernel first (MSG_DONTWAIT) and waits for an edge only when it has nothing, or no room. A signal says "look again". <see cref="_readable"/>
/// spares the call that would find nothing: it is cleared before a receive and set by an edge, or to "perhaps" by a receive that filled its buffer (epoll(7)). Ends and errors are kept as in the
/// connections of System.Net.Sockets: the kernel tells of an RST once, whoever hears of it first stores it.
/// </remarks>
internal sealed partial class LoopConnection : StreamConnection, IEventTarget
{
    private const int No = 0;
    private const int Perhaps = 1;
    private const int Yes = 2;
    private const uint Interest = PollCalls.EpollIn | PollCalls.EpollUrgent | PollCalls.EpollOut | PollCalls.EpollPeerHangUp | PollCalls.EpollEdge;
    private const uint ReadEvents = PollCalls.EpollIn | PollCalls.EpollPeerHangUp | PollCalls.EpollHangUp | PollCalls.EpollError;
    private const uint WriteEvents = PollCalls.EpollOut | PollCalls.EpollHangUp | PollCalls.EpollError;
    private const uint EndEvents = PollCalls.EpollPeerHangUp | PollCalls.EpollHangUp | PollCalls.EpollError;

    private readonly Socket _socket;
    private readonly SafeSocketHandle _handle;
    private readonly EventLoop _loop;
    private readonly AsyncSignal _readSignal;
    private readonly AsyncSignal _writeSignal;
    private readonly ClosedSignal _readsClosed = new();
    private readonly ClosedSignal _writesClosed = new();
    private readonly ulong _id;
    private EndPoint? _local;
    private NetworkException? _fault;
    private int _reading;
    private int _writing;
    private int _readsAborted;
    private int _disposed;
    private int _readable;
    private bool _peerEnded;
    private bool _urgent;
    private volatile bool _readsEnded;
    private volatile bool _writesCompleting;
    private volatile bool _writesCompleted;

    /// <param name="socket">Not connected yet. Owned.</param>
    /// <param name="remote">Its peer.</param>
    /// <param name="loop">Waits for it, from <see cref="Watch"/> on.</param>
    /// <param name="scheduler">Where the calls continue.</param>
    public LoopConnection(Socket socket, IPEndPoint remote, EventLoop loop, IRelayLoop scheduler)
    {
        _socket = socket;
        _handle = socket.SafeHandle;
        _loop = loop;
        RemoteEndPoint = remote;
        _readSignal = new AsyncSignal { Loop = scheduler };
        _writeSignal = new AsyncSignal { Loop = scheduler };
        HasPlace = loop.TryReserve(this, out _id);
    }

    /// <summary>The loop has a place for it. One that has ended has none.</summary>
    public bool HasPlace { get; }

    public override EndPoint? LocalEndPoint => _local ??= FindLocal();

    public override EndPoint? RemoteEndPoint { get; }

    public override Task ReadsClosed => _readsClosed.Task;

    public override Task WritesClosed => _writesClosed.Task;

    public override bool CanRead => !IsDisposed;

    public override bool CanWrite => !IsDisposed;

    public override bool CanWaitForData => true;

    private bool HasNoMoreReads => _readsEnded || Volatile.Read(ref _readsAborted) != 0;

    private bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    void IEventTarget.OnEvents(uint events)
    {
        if ((events & EndEvents) != 0)
            Volatile.Write(ref _peerEnded, true);
        // A receive ends at the mark of urgent data, so one that didn't fill its buffer has not found the end of what is there.
        if ((events & PollCalls.EpollUrgent) != 0)
            Volatile.Write(ref _urgent, true);
        if ((events & ReadEvents) != 0)
        {
            Volatile.Write(ref _readable, Yes);
            _readSignal.Set();
        }

        if ((events & WriteEvents) != 0)
            _writeSignal.Set();
    }

    void IEventTarget.OnAbandoned() => Abort();

    /// <summary>To be called once the socket is connected or connecting; one that is neither hangs up at once.</summary>
    public void Watch() => _loop.Watch(_handle, Interest, _id);

    /// <summary>Waits for the end of a connect that is under way.</summary>
    public async ValueTask ConnectedAsync(CancellationToken cancellationToken)
    {
        // Its edge is EPOLLOUT, with EPOLLERR and EPOLLHUP where it failed; there is none before.
        await _writeSignal.WaitAsync(cancellationToken).ConfigureAwait(false);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        int errno = TakeError();
        if (errno != 0)
            throw Errno.Exception(errno, "The connection failed");
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<int>(cancellationToken);
        if (HasNoMoreReads)
            return ValueTask.FromResult(0);
        StreamCalls.Enter(ref _reading, in _disposed, this, "Another read is pending.");
        int read;
        try
        {
            read = TryRead(buffer.Span);
        }
        catch
        {
            Volatile.Write(ref _reading, 0);
            throw;
        }

        if (read < 0)
            return FinishReadAsync(buffer, cancellationToken);
        Volatile.Write(ref _reading, 0);
        return ValueTask.FromResult(read);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        StreamCalls.Enter(ref _writing, in _disposed, this, "Another write is pending.");
        int written;
        try
        {
            if (_writesCompleted)
                throw new InvalidOperationException("Writes were completed.");
            written = TryWrite(buffer.Span);
        }
        catch
        {
            Volatile.Write(ref _writing, 0);
            throw;
        }

        if (written < buffer.Length)
            return FinishWriteAsync(buffer[written..], cancellationToken);
        Volatile.Write(ref _writing, 0);
        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> FinishReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await _readSignal.WaitAsync(cancellationToken).ConfigureAwait(false);
                int read = TryRead(buffer.Span);
                if (read >= 0)
                    return read;
            }
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishWriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            while (!buffer.IsEmpty)
            {
                await _writeSignal.WaitAsync(cancellationToken).ConfigureAwait(false);
                buffer = buffer[TryWrite(buffer.Span)..];
            }
        }
        finally
        {
            Volatile.Write(ref _writing, 0);
        }
    }

    /// <summary>What was read, 0 at the end (or, for an empty buffer, when there may be something), -1 when there is nothing yet.</summary>
    private int TryRead(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (HasNoMoreReads)
            return 0;
        int readable = Volatile.Read(ref _readable);
        if (readable == No && !Volatile.Read(ref _peerEnded) && Volatile.Read(ref _fault) is null)
            return -1;
        if (buffer.IsEmpty)
            return readable == Perhaps && !HasData() ? -1 : 0;
        Volatile.Write(ref _readable, No);
        int read = Receive(buffer);
        // What came before an error is still there, also when a write was told of it.
        if (read <= 0)
            StreamCalls.ThrowIfFaulted(in _fault);
        if (read == buffer.Length || Volatile.Read(ref _urgent))
            Interlocked.CompareExchange(ref _readable, Perhaps, No);
        if (read == 0)
            EndOfReads();
        return read;
    }

    /// <summary>Asks the socket: the read that filled its buffer may have been the last. Whoever waits without a buffer is not to take one for nothing.</summary>
    private bool HasData()
    {
        Volatile.Write(ref _readable, No);
        Span<byte> first = stackalloc byte[1];
        if (Receive(first, SocketCalls.MessagePeek) >= 0)
        {
            Volatile.Write(ref _readable, Yes);
            return true;
        }

        StreamCalls.ThrowIfFaulted(in _fault);
        return false;
    }

    private unsafe int Receive(Span<byte> buffer, int flags = 0)
    {
        while (true)
        {
            nint result;
            fixed (byte* data = buffer)
                result = SocketCalls.Receive(_handle, data, (nuint)buffer.Length, SocketCalls.MessageDoNotWait | flags);
            if (result >= 0)
                return (int)result;
            int errno = Errno.Last;
            if (errno == Errno.TryAgain)
                return -1;
            if (errno != Errno.Interrupted)
                throw Failed(errno);
        }
    }

    /// <summary>How much was written; less than all means that there is no more room.</summary>
    private unsafe int TryWrite(ReadOnlySpan<byte> buffer)
    {
        int written = 0;
        while (written < buffer.Length)
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            StreamCalls.ThrowIfFaulted(in _fault);
            nint result;
            fixed (byte* data = buffer[written..])
                result = SocketCalls.Send(_handle, data, (nuint)(buffer.Length - written), SocketCalls.MessageDoNotWait | SocketCalls.MessageNoSignal);
            if (result >= 0)
            {
                written += (int)result;
                continue;
            }

            int errno = Errno.Last;
            if (errno == Errno.TryAgain)
                break;
            if (errno != Errno.Interrupted)
                throw Failed(errno);
        }

        return written;
    }
}
