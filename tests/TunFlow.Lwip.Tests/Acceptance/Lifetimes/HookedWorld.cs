using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Logging;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>A device all of whose calls into the application's code pass one hook, and traffic that makes every kind of them.</summary>
/// <remarks>Port 80 echoes; dials to port 81 wait for their token, dials to port 82 fail. Only the first session is opened, others wait for their token.</remarks>
internal sealed class HookedWorld : IStreamDialer, IPacketProxy, ILoggerFactory, ILogger, IMeterFactory
{
    private static readonly IPEndPoint s_server = IPEndPoint.Parse("93.184.216.34:80");

    private readonly Action<HookedWorld, CallPlace, object?> _hook;
    private readonly ConcurrentBag<HookedUpstream> _upstreams = [];
    private readonly ConcurrentBag<HookedSession> _sessions = [];
    private readonly ConcurrentDictionary<CallPlace, bool> _reached = [];
    private readonly List<Meter> _meters = [];
    private readonly MeterListener _listener = new();
    private int _nextPort = 6000;
    private int _openings;
    private int _waiting;

    public HookedWorld(Action<HookedWorld, CallPlace, object?> hook)
    {
        _hook = hook;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == this)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((_, _, _, _) => Call(CallPlace.Meter, null));
        _listener.Start();
        Device = new LwipDevice(this, this, new LwipDeviceOptions
        {
            TimeProvider = Time,
            LoggerFactory = this,
            MeterFactory = this,
            Policy = (_, _) =>
            {
                Call(CallPlace.Policy, null);
                return new ValueTask<FlowDecision>(FlowDecision.Accept);
            },
        });
        Link = new PacketLink(Device);
    }

    public ManualTimeProvider Time { get; } = new();

    public LwipDevice Device { get; }

    public PacketLink Link { get; }

    public ICollection<CallPlace> Reached => _reached.Keys;

    public IReadOnlyCollection<HookedUpstream> Upstreams => _upstreams;

    public IReadOnlyCollection<HookedSession> Sessions => _sessions;

    /// <summary>The application's latest connection.</summary>
    public TcpPeer? Last { get; private set; }

    public void Call(CallPlace place, object? caller)
    {
        _reached[place] = true;
        _hook(this, place, caller);
    }

    /// <summary>Lives a flow to its end, resets one, gives a dial up, fails one, and exchanges datagrams. Whatever the hook makes of it, it ends.</summary>
    public async Task LiveAsync()
    {
        await ExchangeAsync(s_server);
        await ResetAsync();
        await GiveUpAsync();
        await TryConnectAsync(new IPEndPoint(s_server.Address, 82));
        SendDatagram(5000);
        SendDatagram(5001);
        await UntilAsync(AreSessionsServed);
    }

    /// <summary>One flow: a hundred bytes there and back, both ends. True if all of it happened.</summary>
    /// <param name="server">The application's destination.</param>
    /// <param name="quiet">For how many milliseconds nothing but the machine may be what is waited for. Virtual time, which passes much faster, would end a flow that is only slow.</param>
    public async Task<bool> ExchangeAsync(IPEndPoint server, int quiet = 50)
    {
        TcpPeer peer = await TryConnectAsync(server, quiet);
        if (!peer.IsOpen)
            return false;
        try
        {
            await peer.SendAsync(new byte[100]);
        }
        catch (IOException)
        {
            return false;
        }

        await UntilAsync(() => peer.ReceivedBytes == 100 || IsOver(peer), quiet);
        peer.SendFin();
        await UntilAsync(() => IsOver(peer), quiet);
        return peer is { ReceivedBytes: 100, FinReceived: true, WasReset: false };
    }

    /// <summary>Another dialer that does the same.</summary>
    public IStreamDialer NewDialer() => StreamDialer.FromFunc(((IStreamDialer)this).DialStreamAsync);

    /// <summary>Another proxy that does the same.</summary>
    public IPacketProxy NewProxy() => new DelegatePacketProxy(this);

    /// <summary>Ends the world, and waits for what it still does.</summary>
    public async Task EndAsync()
    {
        await Device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        await Link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        await UntilAsync(() => Device.IsReleased);
        _listener.Dispose();
        _meters.ForEach(static meter => meter.Dispose());
    }

    async ValueTask<StreamConnection> IStreamDialer.DialStreamAsync(EndPoint remote, CancellationToken cancellationToken)
    {
        Call(CallPlace.Dial, null);
        switch (((IPEndPoint)remote).Port)
        {
            case 81:
                await WaitAsync(CallPlace.DialToken, cancellationToken);
                break;
            case 82:
                throw new NetworkException(NetworkError.ConnectionRefused);
            default:
                break;
        }

        HookedUpstream upstream = new(this);
        _upstreams.Add(upstream);
        return upstream;
    }

    async ValueTask<IPacketRequestSender> IPacketProxy.NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken)
    {
        bool first = Interlocked.Increment(ref _openings) == 1;
        Call(CallPlace.NewSession, receiver);
        if (!first)
            await WaitAsync(CallPlace.SessionToken, cancellationToken);
        HookedSession session = new(this, receiver);
        _sessions.Add(session);
        return session;
    }

    ILogger ILoggerFactory.CreateLogger(string categoryName) => this;

    void ILoggerFactory.AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Call(CallPlace.Logger, null);

    Meter IMeterFactory.Create(MeterOptions options)
    {
        options.Scope = this;
        Meter meter = new(options);
        _meters.Add(meter);
        return meter;
    }

    void IDisposable.Dispose()
    {
    }

    private async Task WaitAsync(CallPlace place, CancellationToken cancellationToken)
    {
        // Not disposed, or the wait's end might come before its turn.
        _ = cancellationToken.Register(() => Call(place, null));
        Interlocked.Increment(ref _waiting);
        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    private async Task<TcpPeer> TryConnectAsync(IPEndPoint server, int quiet = 50)
    {
        TcpPeer peer = CreatePeer(server);
        peer.SendSyn();
        await UntilAsync(() => peer.IsOpen || peer.Unreachable is not null || IsOver(peer), quiet);
        return peer;
    }

    private async Task ResetAsync()
    {
        TcpPeer peer = await TryConnectAsync(s_server);
        peer.SendReset();
        await UntilAsync(() => IsOver(peer));
    }

    private async Task GiveUpAsync()
    {
        TcpPeer peer = CreatePeer(new IPEndPoint(s_server.Address, 81));
        peer.SendSyn();
        await UntilAsync(() => Volatile.Read(ref _waiting) != 0 || IsOver(peer));
        Link.Send(PacketBuilder.TcpSegment(peer.Local, peer.Remote, peer.InitialSequence + 1, 0, TcpFlags.Rst, 0));
        await UntilAsync(() => IsOver(peer));
    }

    private TcpPeer CreatePeer(IPEndPoint server)
    {
        TcpPeer peer = Link.CreatePeer(server, new IPEndPoint(IPAddress.Parse("10.9.0.2"), ++_nextPort));
        peer.AllowRetransmissions = true;
        return Last = peer;
    }

    private void SendDatagram(int port) =>
        Link.Send(PacketBuilder.UdpDatagram(new IPEndPoint(IPAddress.Parse("10.9.0.2"), port), s_server, "ping"u8));

    /// <summary>The application knows that its flow ended, or the device has forgotten it.</summary>
    private bool IsOver(TcpPeer peer) => peer.WasReset || peer.LinkEnded || peer.FinReceived || IsForgotten(peer);

    /// <summary>The device knows nothing of it any more, and nothing that it sent is under way.</summary>
    private bool IsForgotten(TcpPeer peer)
    {
        if (IsListed(peer))
            return false;
        LwipStatistics now = Device.GetStatistics();
        return now is { FlowsPending: 0, OutputQueue: 0 } && Link.PacketCount >= now.PacketsOut;
    }

    private bool IsListed(TcpPeer peer) => Device.GetFlows().Any(flow => flow.Source.Equals(peer.Local));

    /// <summary>The first session echoes, the second one is being opened; or the hook had it otherwise.</summary>
    private bool AreSessionsServed()
    {
        LwipStatistics now = Device.GetStatistics();
        return Link.Completion.IsCompleted
            || now.Sessions == 0
            || (Volatile.Read(ref _openings) + now.PolicyRefusals >= 2
                && (_reached.ContainsKey(CallPlace.SendDatagram) || now.SessionsFailed + now.PolicyRefusals != 0 || now.Sessions < 2));
    }

    /// <summary>Lets virtual time pass once waiting didn't help: some ends have a time of grace.</summary>
    private async Task UntilAsync(Func<bool> condition, int quiet = 50)
    {
        long start = Environment.TickCount64;
        while (!condition())
        {
            long waited = Environment.TickCount64 - start;
            if (waited > 10_000 + quiet)
                throw new TimeoutException("The application waits for ever.");
            if (waited > quiet)
                Time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(1);
        }
    }
}
