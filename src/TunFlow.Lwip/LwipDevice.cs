using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>An IP device whose other side is a TCP/IP stack: packets of applications go in, their flows come out, each handed to a dialer or packet proxy.</summary>
/// <remarks>
/// <para>Write the applications' packets, read the packets meant for them. Every TCP connection attempt, to any address and port, is dialled with the
/// <see cref="IStreamDialer"/> first and answered as the dial ended: accepted, reset, or unreachable. Datagrams go to sessions of the
/// <see cref="IPacketProxy"/>, one for each source endpoint of the applications.</para>
/// <para>All members may be used from any thread at any time. The dialer and the proxy are called on thread-pool threads, concurrently; whatever they
/// throw ends the flow or datagram concerned and is counted. They aren't disposed with the device.</para>
/// </remarks>
public sealed partial class LwipDevice : IBatchIPDevice, IStackOwner
{
    /// <summary>The name of the meter that every device's instruments belong to.</summary>
    public const string MeterName = "TunFlow.Lwip";

    private readonly DeviceContext _context;
    private readonly LwipStack _stack;
    private readonly EchoRelay? _echoes;
    private readonly FinalOutput _final = new();
    private readonly OutputReader _reader;
    private OutputPusher? _pusher;
    private int _mtu;

    /// <summary>Creates a device and its stack.</summary>
    /// <param name="dialer">Connects the applications' TCP flows.</param>
    /// <param name="packetProxy">Carries the applications' datagrams.</param>
    /// <param name="options">Limits and times; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    /// <exception cref="PlatformNotSupportedException">There is no native library for this system; the message says where it was looked for.</exception>
    /// <exception cref="NetworkException">All stacks that one process can run are in use (<see cref="NetworkError.ResourceExhausted"/>).</exception>
    public LwipDevice(IStreamDialer dialer, IPacketProxy packetProxy, LwipDeviceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        ArgumentNullException.ThrowIfNull(packetProxy);
        options ??= new LwipDeviceOptions();
        options.Validate();
        _context = new DeviceContext(dialer, packetProxy, options);
        _mtu = options.Mtu;
        _echoes = options.EchoHandler is { } handler ? new EchoRelay(_context, handler, () => _stack!) : null;
        _stack = LwipStack.Create(options, this);
        _reader = new OutputReader(_stack, _final, options.ReadOffloads);
        try
        {
            _context.Metrics = new MeterOwner(new LwipMetrics(options.MeterFactory, this));
        }
        catch
        {
            // A factory is user code. No flow has begun, so the stack ends here and now.
            _stack.ShutDown();
            throw;
        }
    }

    /// <inheritdoc/>
    public int Mtu => Volatile.Read(ref _mtu);

    /// <inheritdoc/>
    public PacketOffloads SupportedOffloads => PacketOffloads.Checksum | PacketOffloads.TcpSegmentation;

    /// <inheritdoc/>
    public int MaxBatch => OutputReader.BatchSize;

    /// <summary>What happened so far. Cheap enough to be asked every second; works after disposal, too.</summary>
    public LwipStatistics GetStatistics()
    {
        _stack.GetStatistics(out Interop.TfStats native);
        return StatisticsConversion.Create(in native, _context.Counters);
    }

    /// <summary>Where a tunnel counts, too, what its own use of the application's code throws.</summary>
    internal DeviceCounters Counters => _context.Counters;

    /// <summary>The native stack was freed: nothing of the device is in use any more.</summary>
    internal bool IsReleased => _stack.IsDestroyed;

    /// <summary>Sends all output to a sink from now on, instead of to reads. No read may be pending.</summary>
    internal void AttachSink(IOutputSink sink)
    {
        _reader.Drop();
        OutputPusher pusher = new(_stack, _final, sink);
        Volatile.Write(ref _pusher, pusher);
        // Full fence: whoever still saw the state before queued his packets before it.
        Interlocked.MemoryBarrier();
        pusher.Drain();
    }

    /// <summary>Flows from now on are carried by a loop as far as it can dial for them; null: by the thread pool.</summary>
    internal void SetLoop(IRelayLoop? loop) => _context.Loop = loop;

    /// <summary>Counts and logs what nobody expected.</summary>
    internal void Report(Exception exception) => _context.Report(exception);

    /// <summary>Output waits for reads again, or for the next sink. The sink isn't called any more once this returns.</summary>
    internal void DetachSink()
    {
        if (Interlocked.Exchange(ref _pusher, null) is not { } pusher)
            return;
        pusher.Close();
        _reader.Wake();
    }

    /// <summary>What <see cref="ReadBatchAsync"/> may leave undone from now on.</summary>
    internal void SetReadOffloads(PacketOffloads offloads) => _reader.Offloads = offloads;

    void IStackOwner.OnStackLeft()
    {
        if (Volatile.Read(ref _pusher) is { } pusher)
            pusher.Drain();
        else if (_stack.HasOutput || _final.HasOutput)
            _reader.Wake();
    }

    /// <summary>Takes the place of the relay for flows that arrive from now on. Must only queue work.</summary>
    internal Action<LwipFlow>? FlowHandler { get; set; }

    void IStackOwner.OnFlow(LwipFlow flow)
    {
        if (FlowHandler is { } handler)
            handler(flow);
        else
            FlowRelay.Start(flow, _context);
    }

    IStackEndpoint? IStackOwner.Echoes => _echoes;

    void IStackOwner.OnSession(LwipSession session) => SessionRelay.Start(session, _context);

    unsafe void IStackOwner.OnShuttingDown()
    {
        const int chunk = 64;
        Interop.TfOutput** entries = stackalloc Interop.TfOutput*[chunk];
        int count;
        while ((count = _stack.TakeOutputLocked(entries, chunk)) > 0)
            _final.Add(entries, count);
    }
}
