using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>Carries the datagrams of one UDP session to the packet proxy, from the session's first datagram to its end.</summary>
/// <remarks>
/// <para>Theory of operation. One task per session takes batches of datagrams out of the native queue and gives them to the proxy's sender one by
/// one. The native queue holds and bounds what comes meanwhile, also while the proxy's session is being opened.</para>
/// <para>Who ends it: the native session (idle, evicted, device closed) or the proxy (it disposes the receiver, or its sender answers Closed). When
/// the proxy ended while datagrams wait, a new proxy session is opened for them: a packet that meets an expiry isn't lost. Otherwise both
/// sides are closed, each once. Nothing here waits for the other side while it calls into it, so either may close the other synchronously.</para>
/// </remarks>
internal sealed partial class SessionRelay
{
    private const int BatchSize = 32;

    private readonly LwipSession _session;
    private readonly DeviceContext _context;
    private readonly CancellationTokenSource _lifetime = new();
    private readonly CancellationToken _ended;
    private readonly NativeMemory _window = new();
    private readonly EndPointCache _endPoints = new();
    private readonly nint[] _batch = new nint[BatchSize];
    private readonly FlowPolicy? _policy;
    private readonly long _started;
    private long _bytesUp;
    private bool _everOpen;
    private int _next;
    private int _count;
    private TimeSpan _idle;

    private SessionRelay(LwipSession session, DeviceContext context)
    {
        _session = session;
        _context = context;
        // The source may be disposed by the time somebody asks it for its token.
        _ended = _lifetime.Token;
        _policy = context.Options.Policy;
        _started = context.Options.TimeProvider.GetTimestamp();
    }

    /// <summary>This session for <see cref="LwipDevice.GetFlows"/>.</summary>
    public FlowSnapshot ToSnapshot() => new()
    {
        Id = _session.Id,
        Protocol = ProtocolType.Udp,
        Source = _session.Source,
        State = _session.IsClosed ? FlowState.Closing : _everOpen ? FlowState.Open : FlowState.Opening,
        Age = _context.Options.TimeProvider.GetElapsedTime(_started),
        BytesUp = Volatile.Read(ref _bytesUp),
        BytesDown = _session.BytesDown,
    };

    /// <summary>Queues the relay of a new session; runs no user code here.</summary>
    public static void Start(LwipSession session, DeviceContext context)
    {
        SessionRelay relay = new(session, context);
        context.Work.Enter();
        session.Relay = relay;
        session.Broken = relay.OnBroken;
        ThreadPool.UnsafeQueueUserWorkItem(static self => _ = self.RunAsync(), relay, preferLocal: false);
    }

    private async Task RunAsync()
    {
        try
        {
            while (await NextBatchAsync().ConfigureAwait(false))
            {
                while (_next < _count)
                {
                    if (!await SendAsync().ConfigureAwait(false))
                        return;
                }
            }
        }
        catch (Exception exception)
        {
            _context.Report(exception);
        }
        finally
        {
            FreeRest();
            _session.Close();
            await EndRoutesAsync().ConfigureAwait(false);
            _context.Work.Exit();
        }
    }

    /// <summary>False when the session is over.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> NextBatchAsync()
    {
        while (true)
        {
            _next = 0;
            _count = _session.IsClosed ? 0 : Math.Max(0, _session.Receive(_batch));
            if (_count > 0)
                return true;
            if (_session.IsClosed)
                return false;
            if (await EndFinishedAsync().ConfigureAwait(false))
            {
                if (_session.TryCloseEmpty(out _batch[0]))
                    return false;
                _count = 1;
                return true;
            }

            await _session.WaitAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Sends the next datagram of the batch. False when the session can't go on.</summary>
    private async ValueTask<bool> SendAsync()
    {
        if (_context.IsLoop(_session.Source, DestinationOf(_batch[_next])))
        {
            Skip(TfRefusal.Reset);
            return true;
        }

        IPacketProxy? chosen = null;
        if (_policy is { } policy)
        {
            FlowDecision decision = await DecideAsync(policy, DestinationOf(_batch[_next])).ConfigureAwait(false);
            if (_session.IsClosed)
                return false;
            if (decision.Verdict != FlowVerdict.Accept)
            {
                Interlocked.Increment(ref _context.Counters.PolicyRefusals);
                Skip(decision.Verdict == FlowVerdict.Drop ? null : Refusals.From(decision.Error));
                return true;
            }

            chosen = decision.PacketProxy;
            if (decision.IdleTimeout is { } idle && idle > _idle)
            {
                _idle = idle;
                _session.SetIdle(idle);
            }
        }

        ProxySession route = await RouteForAsync(chosen).ConfigureAwait(false);
        for (bool renewed = false; ; renewed = true)
        {
            if (route.Sender is null)
            {
                await route.EndAsync().ConfigureAwait(false);
                NetworkError? error = await route.OpenAsync().ConfigureAwait(false);
                // Break may have looked for the sender before it was stored; the pump's end disposes it then.
                if (_session.IsClosed)
                    return false;
                if (error is { } reason)
                {
                    // Without a policy there is one proxy, and nothing of what waits can be carried.
                    if (_policy is null)
                    {
                        RefuseWaiting(Refusals.From(reason));
                        return false;
                    }

                    Interlocked.Increment(ref _context.Counters.DatagramsFailed);
                    Skip(Refusals.From(reason));
                    Forget(route);
                    return true;
                }
            }

            try
            {
                await Send(_batch[_next], route).ConfigureAwait(false);
                _everOpen = true;
                Volatile.Write(ref _bytesUp, _bytesUp + LengthOf(_batch[_next]));
                Interlocked.Increment(ref _context.Counters.DatagramsUp);
                FreeNext();
                return true;
            }
            catch (Exception exception)
            {
                _window.Detach();
                if (_session.IsClosed)
                    return false;
                NetworkError error = _context.Report(exception);
                if (error == NetworkError.Closed && !renewed)
                {
                    await route.EndAsync().ConfigureAwait(false);
                    continue;
                }

                Interlocked.Increment(ref _context.Counters.DatagramsFailed);
                Skip(DatagramRefusal(error));
                return true;
            }
        }
    }

    private void Skip(TfRefusal? refusal)
    {
        if (refusal is { } answer)
            _session.Refuse(_batch[_next], answer);
        FreeNext();
    }

    private unsafe IPEndPoint DestinationOf(nint datagram) => _endPoints.Get(in ((TfDatagram*)datagram)->Destination);

    private static unsafe uint LengthOf(nint datagram) => ((TfDatagram*)datagram)->Length;

    private unsafe ValueTask Send(nint datagram, ProxySession route)
    {
        TfDatagram* native = (TfDatagram*)datagram;
        IPacketRequestSender sender = route.Sender ?? throw new NetworkException(NetworkError.Closed);
        return sender.WriteToAsync(
            _window.Attach(native->Data, (int)native->Length), _endPoints.Get(in native->Destination), _ended);
    }

    /// <summary>Null for errors that concern the datagram and not its destination: the application hears nothing, as on a network that lost it.</summary>
    private static TfRefusal? DatagramRefusal(NetworkError error) => error switch
    {
        NetworkError.PortUnreachable or NetworkError.ConnectionRefused => TfRefusal.Reset,
        NetworkError.HostUnreachable => TfRefusal.HostUnreachable,
        NetworkError.NetworkUnreachable => TfRefusal.NetworkUnreachable,
        NetworkError.AccessDenied => TfRefusal.Prohibited,
        _ => null,
    };

    private unsafe void FreeNext()
    {
        _window.Detach();
        NativeMethods.tf_datagram_free((TfDatagram*)_batch[_next]);
        _batch[_next++] = 0;
    }

    /// <summary>Counts what waits, here and in the native queue, when nobody is left to take it.</summary>
    private void FreeRest()
    {
        do
        {
            Interlocked.Add(ref _context.Counters.DatagramsFailed, _count - _next);
            while (_next < _count)
                FreeNext();
            _next = 0;
            _count = Math.Max(0, _session.Receive(_batch));
        }
        while (_count > 0);
    }
}
