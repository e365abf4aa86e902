using System.Net;
using System.Net.Sockets;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>Which proxy session a datagram takes, as the policy decided for its remote, and the end of all of them.</content>
internal sealed partial class SessionRelay
{
    /// <summary>Decisions remembered. A session that talks to more remotes than this asks again for some.</summary>
    private const int MostDecisions = 256;

    private readonly Lock _routesLock = new();
    private readonly List<ProxySession> _routes = [];
    private Dictionary<IPEndPoint, FlowDecision>? _decisions;

    /// <summary>Asks the policy once for each remote.</summary>
    private async ValueTask<FlowDecision> DecideAsync(FlowPolicy policy, IPEndPoint destination)
    {
        _decisions ??= [];
        if (_decisions.TryGetValue(destination, out FlowDecision known))
            return known;
        FlowDecision decision;
        using CallLimit asking = new(_context, _context.Options.DialTimeout);
        try
        {
            using CancellationTokenRegistration link = _ended.UnsafeRegister(static self => ((CallLimit)self!).Cancel(), asking);
            decision = await _context.AskAsync(policy, new FlowInfo(ProtocolType.Udp, _session.Source, destination), asking).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            if (!_session.IsClosed)
            {
                _context.Report(exception);
                LwipLog.PolicyFailed(_context.Log, _session.Source, destination, exception);
                Interlocked.Increment(ref _context.Counters.PolicyFailures);
            }

            decision = FlowDecision.Refuse;
        }

        if (_decisions.Count >= MostDecisions)
            _decisions.Clear();
        _decisions[destination] = decision;
        if (decision.Verdict != FlowVerdict.Accept)
            LwipLog.PolicyRefused(_context.Log, _session.Source, destination);
        return decision;
    }

    /// <summary>The proxy session for a remote's datagrams. A policy may name a proxy of its own for each remote: then the oldest makes room.</summary>
    private async ValueTask<ProxySession> RouteForAsync(IPacketProxy? chosen)
    {
        foreach (ProxySession route in _routes)
        {
            if (ReferenceEquals(route.Chosen, chosen))
                return route;
        }

        if (_routes.Count >= MostDecisions)
        {
            ProxySession oldest = _routes[0];
            await oldest.EndAsync().ConfigureAwait(false);
            Forget(oldest);
        }

        ProxySession added = new(_session, _context, chosen, _ended);
        lock (_routesLock)
            _routes.Add(added);
        return added;
    }

    private void Forget(ProxySession route)
    {
        lock (_routesLock)
            _routes.Remove(route);
    }

    /// <summary>Ends what is over. True if one ended by itself and none is left: the session has nothing to live for.</summary>
    private async ValueTask<bool> EndFinishedAsync()
    {
        bool over = false;
        bool alive = false;
        foreach (ProxySession route in _routes)
        {
            over |= route.IsOver;
            // One that was retired leaves its place to the new proxy, should the application send again.
            alive |= route.IsRetired || route.Sender is not null;
        }

        if (over && !alive)
            return true;
        if (!over && !_routes.Exists(static route => route.IsRetired))
            return false;
        foreach (ProxySession route in SnapshotRoutes())
        {
            if (!route.IsRetired && !route.IsOver)
                continue;
            await route.EndAsync().ConfigureAwait(false);
            Forget(route);
        }

        return false;
    }

    private async ValueTask EndRoutesAsync()
    {
        foreach (ProxySession route in _routes)
            await route.EndAsync().ConfigureAwait(false);
    }

    private ProxySession[] SnapshotRoutes()
    {
        lock (_routesLock)
            return [.. _routes];
    }

    /// <summary>This session is to leave the device's proxy, or <paramref name="all"/> of its proxies, and open anew when it has something to send. Runs no user code here.</summary>
    public void OnProxyReplaced(bool all)
    {
        foreach (ProxySession route in SnapshotRoutes())
        {
            if (!all && route.Chosen is not null)
                continue;
            (CallLimit? opening, IPacketRequestSender? sender) = route.Retire();
            if (opening is null && sender is null)
                continue;
            // A call that hangs in the old proxy, which may be why it is replaced, must not hold the session.
            _context.Work.Enter();
            ThreadPool.UnsafeQueueUserWorkItem(
                static left => _ = left.Relay.LeaveAsync(left.Route, left.Opening, left.Sender),
                (Relay: this, Route: route, Opening: opening, Sender: sender),
                preferLocal: false);
        }

        _session.Wake();
    }

    private async Task LeaveAsync(ProxySession route, CallLimit? opening, IPacketRequestSender? sender)
    {
        await route.LeaveAsync(opening, sender).ConfigureAwait(false);
        _session.Wake();
        _context.Work.Exit();
    }

    private void RefuseWaiting(TfRefusal refusal)
    {
        while (true)
        {
            Interlocked.Add(ref _context.Counters.DatagramsFailed, _count - _next);
            while (_next < _count)
            {
                _session.Refuse(_batch[_next], refusal);
                FreeNext();
            }

            _next = 0;
            _count = Math.Max(0, _session.Receive(_batch));
            if (_count == 0)
                return;
        }
    }

    private void OnBroken(LwipSession session)
    {
        // Counted by itself: the pump may be through before the sender that is disposed here.
        _context.Work.Enter();
        ThreadPool.UnsafeQueueUserWorkItem(static self => _ = self.BreakAsync(), this, preferLocal: false);
    }

    /// <summary>The native session is over: gets the pump out of the proxies' calls.</summary>
    private async Task BreakAsync()
    {
        await _context.CancelAndDisposeAsync(_lifetime).ConfigureAwait(false);
        foreach (ProxySession route in SnapshotRoutes())
            await route.BreakAsync().ConfigureAwait(false);
        _context.Work.Exit();
    }
}
