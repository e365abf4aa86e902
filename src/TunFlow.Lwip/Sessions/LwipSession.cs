using System.Net;
using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>A UDP session as the native stack knows it: one endpoint of the application, any remotes.</summary>
internal sealed unsafe class LwipSession : IStackEndpoint
{
    private const uint SessionFlag = (uint)TfEventFlags.Session;
    private const uint ClosedFlag = (uint)TfEventFlags.Closed;

    private readonly LwipStack _stack;
    private readonly IStackOwner _owner;
    private readonly AsyncSignal _signal = new();
    private readonly TfEndpoint _source;
    private IPEndPoint? _sourceEndPoint;
    private uint _news;
    private long _bytesDown;
    private bool _closed;

    public LwipSession(LwipStack stack, ulong id, in TfEndpoint source, IStackOwner owner)
    {
        _stack = stack;
        _owner = owner;
        _source = source;
        Id = id;
    }

    public ulong Id { get; }

    /// <summary>The application's endpoint.</summary>
    public IPEndPoint Source => _sourceEndPoint ??= EndpointConversion.ToEndPoint(in _source);

    /// <summary>Payload bytes sent to the application.</summary>
    public long BytesDown => Interlocked.Read(ref _bytesDown);

    /// <summary>Who carries its datagrams, once somebody does.</summary>
    public SessionRelay? Relay { get; set; }

    /// <summary>Told when the native session is over. Runs on the thread that entered the stack: it must only queue work.</summary>
    public Action<LwipSession>? Broken { get; set; }

    /// <summary>The native session is over: idle, evicted, or the device was closed.</summary>
    public bool IsClosed => Volatile.Read(ref _closed);

    void IStackEndpoint.Post(uint flags, int status)
    {
        if ((flags & ClosedFlag) != 0)
            Volatile.Write(ref _closed, true);
        Interlocked.Or(ref _news, flags);
    }

    void IStackEndpoint.Dispatch()
    {
        uint news = Interlocked.Exchange(ref _news, 0);
        if ((news & SessionFlag) != 0)
            _owner.OnSession(this);
        if (news != 0)
            _signal.Set();
        if ((news & ClosedFlag) != 0)
            Broken?.Invoke(this);
    }

    /// <summary>Makes the one that waits look again.</summary>
    public void Wake() => _signal.Set();

    public ValueTask WaitAsync() => _signal.WaitAsync(CancellationToken.None);

    /// <summary>Takes waiting datagrams, oldest first; each is freed by the caller. A negative result is a native status.</summary>
    public int Receive(Span<nint> datagrams) => _stack.Receive(this, datagrams);

    /// <summary>Sends a datagram to the application. A negative result is a native status.</summary>
    public int Send(IPEndPoint source, ReadOnlySpan<byte> payload)
    {
        int status = _stack.Send(this, EndpointConversion.FromEndPoint(source), payload);
        if (status >= 0)
            Interlocked.Add(ref _bytesDown, payload.Length);
        return status;
    }

    public void Refuse(nint datagram, TfRefusal refusal) => _stack.RefuseDatagram(this, (TfDatagram*)datagram, refusal);

    public void RefuseRemote(IPEndPoint destination, TfRefusal refusal) =>
        _stack.RefuseRemote(this, EndpointConversion.FromEndPoint(destination), refusal);

    public void SetIdle(TimeSpan idle) => _stack.SetIdle(this, idle);

    /// <summary>Closes the session, or takes the datagram that came meanwhile.</summary>
    public bool TryCloseEmpty(out nint datagram) => _stack.TryCloseEmpty(this, out datagram);

    public void Close() => _stack.Close(this);
}
