using System.Net.Sockets;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>What an application changes, and looks at, while the device runs.</content>
public sealed partial class LwipDevice
{
    private readonly Lock _mtuLock = new();

    /// <summary>Replaces the dialer. Connection attempts that arrive afterwards use the new one only.</summary>
    /// <param name="dialer">Dials from now on. Not owned.</param>
    /// <param name="existing">What becomes of flows, and dials, of the earlier dialer. Flows whose dialer a policy chose aren't touched.</param>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public void SetDialer(IStreamDialer dialer, ExistingFlows existing = ExistingFlows.Keep)
    {
        ArgumentNullException.ThrowIfNull(dialer);
        ThrowIfDisposed();
        Upstreams.Reign reign = _context.Upstreams.SetDialer(dialer);
        LwipLog.DialerReplaced(_context.Log, existing);
        if (existing == ExistingFlows.Keep)
            return;
        foreach (LwipFlow flow in _stack.Snapshot().Flows)
            flow.Relay?.OnDialerReplaced(reign);
    }

    /// <summary>Replaces the packet proxy. Sessions that are opened afterwards are opened on the new one.</summary>
    /// <param name="packetProxy">Opens sessions from now on. Not owned.</param>
    /// <param name="existing">What becomes of sessions of the earlier proxy. Those whose proxy a policy chose aren't touched.</param>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public void SetPacketProxy(IPacketProxy packetProxy, ExistingFlows existing = ExistingFlows.Keep)
    {
        ArgumentNullException.ThrowIfNull(packetProxy);
        ThrowIfDisposed();
        _context.Upstreams.SetPacketProxy(packetProxy);
        Interlocked.MemoryBarrier();
        LwipLog.PacketProxyReplaced(_context.Log, existing);
        if (existing == ExistingFlows.Keep)
            return;
        foreach (LwipSession session in _stack.Snapshot().Sessions)
            session.Relay?.OnProxyReplaced(all: false);
    }

    /// <summary>Changes the MTU. New connections announce an MSS that follows it, packets that are made from now on keep to it, larger ones that are written are refused.</summary>
    /// <param name="mtu">The largest IP packet in bytes, 576 to 65,535. Below 1,280 IPv6 is not served.</param>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public void SetMtu(int mtu)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(mtu, 576);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(mtu, PacketBuffer.MaxPacketLength);
        ThrowIfDisposed();
        // Together, so that two changes at once leave both sides with the same.
        lock (_mtuLock)
        {
            _stack.SetMtu(mtu);
            Volatile.Write(ref _mtu, mtu);
        }
    }

    /// <summary>Resets every TCP flow and ends every UDP session; the applications learn of it by RST and connect anew. For a change of network, or before the machine sleeps. The device goes on.</summary>
    /// <remarks>Safe at any moment: the system's events, from which it is called, know nothing of the device's end. One that ended has no flows left, and nothing happens.</remarks>
    public void AbortAll() => _stack.AbortAll();

    /// <summary>
    /// To be called after the machine slept, or when the network came back: what became due meanwhile by the clock of <see cref="LwipDeviceOptions.TimeProvider"/>
    /// is done at once (the system's stands still in a suspend on some systems), and every UDP session leaves its upstream, also one that a policy chose, because
    /// its socket may be bound to an address that is gone; the next datagram opens a new one. TCP flows are kept: their upstreams say themselves
    /// whether they survived. Use <see cref="AbortAll"/> if they can't have.
    /// </summary>
    /// <remarks>Safe at any moment, as <see cref="AbortAll"/>.</remarks>
    public void OnResume()
    {
        _stack.Tick();
        foreach (LwipSession session in _stack.Snapshot().Sessions)
            session.Relay?.OnProxyReplaced(all: true);
    }

    /// <summary>Lists the flows and sessions of this moment. For diagnostics: takes time and memory in proportion to their number. After disposal, those that are being ended.</summary>
    public IReadOnlyList<FlowSnapshot> GetFlows()
    {
        (LwipFlow[] flows, LwipSession[] sessions) = _stack.Snapshot();
        List<FlowSnapshot> list = new(flows.Length + sessions.Length);
        foreach (LwipFlow flow in flows)
        {
            if (flow.Relay is { } relay)
                list.Add(relay.ToSnapshot(_stack.GetDetails(flow)));
        }

        foreach (LwipSession session in sessions)
        {
            if (session.Relay is { } relay)
                list.Add(relay.ToSnapshot());
        }

        return list;
    }
}
