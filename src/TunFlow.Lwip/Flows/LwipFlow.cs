using System.Net;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>The application's side of a TCP flow: reading gives what the application sent, writing goes to it.</summary>
/// <remarks>
/// <para>Theory of operation. The native flow holds all data and the TCP state; this object adds waiting and ownership. Reads and writes ask
/// the native flow first and wait for a signal only if it has nothing (or no room), then ask again; the events READABLE, WRITABLE,
/// OPEN, DRAINED and CLOSED merely set the signal of their direction.</para>
/// <para>Life: pending (a SYN waits; <see cref="Accept"/> or <see cref="Refuse"/>), half-open until OPEN, open, closed natively (CLOSED: received data can
/// still be read), released (the id is given back). Whoever owns the flow releases it exactly once: by <see cref="Refuse"/> or by closing it.</para>
/// <para>A borrow of received bytes defers the release until it is returned: an upstream's pending write may still read them.</para>
/// </remarks>
internal sealed partial class LwipFlow : StreamConnection, IStackEndpoint
{
    private const uint ClosedFlag = (uint)TfEventFlags.Closed;
    private const uint OpenFlag = (uint)TfEventFlags.Open;
    private const uint ConnectFlag = (uint)TfEventFlags.Connect;
    private const uint ReadFlags = (uint)(TfEventFlags.Readable | TfEventFlags.Closed);
    private const uint WriteFlags = (uint)(TfEventFlags.Writable | TfEventFlags.Open
        | TfEventFlags.Drained | TfEventFlags.Closed);

    private static readonly TimeSpan DrainPoll = TimeSpan.FromMilliseconds(10);

    private readonly LwipStack _stack;
    private readonly IStackOwner _owner;
    private readonly TfEndpoint _source;
    private readonly TfEndpoint _destination;
    private readonly AsyncSignal _readSignal = new();
    private readonly AsyncSignal _writeSignal = new();
    private readonly Lock _closedGate = new();
    private IPEndPoint? _sourceEndPoint;
    private IPEndPoint? _destinationEndPoint;
    private TaskCompletionSource? _readsClosed;
    private TaskCompletionSource? _writesClosed;
    private uint _news;
    private uint _seen;
    private int _status;
    private int _reading;
    private int _writing;
    private bool _endOfStream;
    private bool _readsAborted;
    private bool _writesCompleted;
    private bool _disposed;

    public LwipFlow(LwipStack stack, ulong id, in TfFlowDetails details, IStackOwner owner)
    {
        _stack = stack;
        _owner = owner;
        _source = details.Source;
        _destination = details.Destination;
        Id = id;
    }

    public ulong Id { get; }

    /// <summary>Who relays it, once somebody does.</summary>
    public FlowRelay? Relay { get; set; }

    /// <summary>Where those who wait for this flow continue; null for the thread pool.</summary>
    public IRelayLoop? Loop
    {
        set
        {
            _readSignal.Loop = value;
            _writeSignal.Loop = value;
        }
    }

    /// <summary>Told of a flow that ended by anything but an orderly end. Runs on the thread that entered the stack: it must only queue work.</summary>
    public Action<LwipFlow>? Broken { get; set; }

    /// <summary>The application's endpoint.</summary>
    public IPEndPoint Source => _sourceEndPoint ??= EndpointConversion.ToEndPoint(in _source);

    /// <summary>Whom the application wants to reach.</summary>
    public IPEndPoint Destination => _destinationEndPoint ??= EndpointConversion.ToEndPoint(in _destination);

    /// <inheritdoc/>
    public override EndPoint LocalEndPoint => Destination;

    /// <inheritdoc/>
    public override EndPoint RemoteEndPoint => Source;

    /// <summary>Reading was given up with <see cref="AbortReads"/>.</summary>
    public bool ReadsAborted => Volatile.Read(ref _readsAborted);

    /// <summary>The native flow is over; received data may be left.</summary>
    public bool IsClosed => (Volatile.Read(ref _seen) & ClosedFlag) != 0;

    /// <summary>Why, once <see cref="IsClosed"/>: 0 after an orderly end.</summary>
    public int ClosedStatus => Volatile.Read(ref _status);

    // Guarded by the stack's lock.
    internal bool Borrowed;
    internal bool Discarded;
    internal TimeSpan? CloseLinger;

    void IStackEndpoint.Post(uint flags, int status)
    {
        if ((flags & ClosedFlag) != 0)
            _status = status;
        Volatile.Write(ref _seen, _seen | flags);
        Interlocked.Or(ref _news, flags);
    }

    void IStackEndpoint.Dispatch()
    {
        // Several threads may dispatch the same flow: whoever comes first acts on everything noted so far, the others find nothing.
        uint news = Interlocked.Exchange(ref _news, 0);
        if ((news & ConnectFlag) != 0)
            _owner.OnFlow(this);
        if ((news & ReadFlags) != 0)
            _readSignal.Set();
        if ((news & WriteFlags) != 0)
            _writeSignal.Set();
        if ((news & ClosedFlag) != 0)
            OnClosed();
    }

    private void OnClosed()
    {
        int status = ClosedStatus;
        if (status == NativeStatus.Ok)
            return;
        FaultClosedTasks();
        Broken?.Invoke(this);
    }

    /// <summary>Answers the SYN with SYN-ACK. A negative result is a native status.</summary>
    public int Accept() => _stack.Accept(this);

    /// <summary>Answers the SYN as told and releases the flow.</summary>
    public void Refuse(TfRefusal refusal)
    {
        Volatile.Write(ref _disposed, true);
        _stack.Refuse(this, refusal);
    }

    /// <summary>Waits for the end of the handshake. False if the flow ended instead.</summary>
    public async ValueTask<bool> WaitOpenAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            uint seen = Volatile.Read(ref _seen);
            if ((seen & OpenFlag) != 0)
                return true;
            if ((seen & ClosedFlag) != 0)
                return false;
            await _writeSignal.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until the application has sent something, ended its side, or the flow ended.</summary>
    public async ValueTask WaitPayloadAsync(CancellationToken cancellationToken)
    {
        while ((Volatile.Read(ref _seen) & ReadFlags) == 0)
            await _readSignal.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits until the application acknowledged everything written, or the flow ended.</summary>
    public async ValueTask WaitDrainedAsync(TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        // The native stack tells of it only behind a FIN, and here none may be sent: an RST is to follow. Rare enough to be asked for.
        while (!IsClosed && _stack.Unacknowledged(this) > 0)
            await Task.Delay(DrainPoll, timeProvider, cancellationToken).ConfigureAwait(false);
    }

    private NetworkException Error(int status)
    {
        if (status == NativeStatus.Aborted && _stack.IsShutDown)
            return new NetworkException(NetworkError.Closed, "The device was closed.", status);
        return NativeStatus.ToException(status);
    }
}
