using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>A native session's session of one packet proxy: opened when a datagram needs it, opened anew after it ended.</summary>
/// <remarks>Used by the session's pump alone, except <see cref="BreakAsync"/>, <see cref="Retire"/> and <see cref="LeaveAsync"/>.</remarks>
internal sealed class ProxySession(LwipSession session, DeviceContext context, IPacketProxy? chosen, CancellationToken ended)
{
    private SessionReceiver? _receiver;
    private IPacketRequestSender? _sender;
    private CallLimit? _opening;
    private bool _retired;

    /// <summary>The proxy that a policy chose; null for the device's.</summary>
    public IPacketProxy? Chosen => chosen;

    /// <summary>Takes datagrams; null before it was opened and after it ended.</summary>
    public IPacketRequestSender? Sender => _receiver is { IsDisposed: false } && !Volatile.Read(ref _retired) ? Volatile.Read(ref _sender) : null;

    /// <summary>The proxy said that no more responses will come, and its sender wasn't disposed yet.</summary>
    public bool IsOver => _receiver is { IsDisposed: true };

    /// <summary>The device's proxy was replaced, and this session is to end without ending the native one.</summary>
    public bool IsRetired => Volatile.Read(ref _retired) && _receiver is not null;

    /// <summary>Opens it. Null on success, or if the native session ended meanwhile; otherwise the proxy's error.</summary>
    public async ValueTask<NetworkError?> OpenAsync()
    {
        while (true)
        {
            Volatile.Write(ref _retired, false);
            SessionReceiver receiver = new(session, context);
            using CallLimit opening = new(context, context.Options.DialTimeout);
            using CancellationTokenRegistration link = ended.UnsafeRegister(static self => ((CallLimit)self!).Cancel(), opening);
            Volatile.Write(ref _opening, opening);
            // The exchange with Retire, which follows a replacement: either it is seen here, or the proxy that is used here is the new one.
            Interlocked.MemoryBarrier();
            Task<IPacketRequestSender>? task = null;
            try
            {
                task = (chosen ?? context.Upstreams.PacketProxy).NewSessionAsync(receiver, opening.Token).AsTask();
                // A proxy may ignore its token; the session's end must not depend on that.
                IPacketRequestSender sender = await task.WaitAsync(opening.Ended).ConfigureAwait(false)
                    ?? throw new InvalidOperationException("The packet proxy returned no sender.");
                _receiver = receiver;
                Volatile.Write(ref _sender, sender);
                // Whoever breaks disposes what it finds in _sender: the caller looks for the end after this.
                Interlocked.MemoryBarrier();
                return null;
            }
            catch (Exception exception)
            {
                context.Abandon(task);
                receiver.End();
                if (session.IsClosed)
                    return null;
                if (Volatile.Read(ref _retired))
                    continue;
                Interlocked.Increment(ref context.Counters.SessionsFailed);
                NetworkError error = context.Report(exception);
                LwipLog.SessionFailed(context.Log, session.Source, error, exception);
                return error;
            }
            finally
            {
                Volatile.Write(ref _opening, null);
            }
        }
    }

    /// <summary>Disposes the sender, exactly once whoever comes first, and makes its receiver refuse.</summary>
    public async ValueTask EndAsync()
    {
        if (_receiver is { } receiver)
        {
            _receiver = null;
            receiver.End();
        }

        await BreakAsync().ConfigureAwait(false);
    }

    /// <summary>Gets the pump out of the proxy's calls.</summary>
    public ValueTask BreakAsync() => context.DisposeAsync(Interlocked.Exchange(ref _sender, null));

    /// <summary>Sends nothing more through it; the pump ends it. The result is what the pump may have to be got out of: see <see cref="LeaveAsync"/>.</summary>
    public (CallLimit? Opening, IPacketRequestSender? Sender) Retire()
    {
        Volatile.Write(ref _retired, true);
        Interlocked.MemoryBarrier();
        return (Volatile.Read(ref _opening), Volatile.Read(ref _sender));
    }

    /// <summary>Gets the pump out of the proxy's calls that were found by <see cref="Retire"/>; changes nothing if it has left them. Runs user code.</summary>
    public ValueTask LeaveAsync(CallLimit? opening, IPacketRequestSender? sender)
    {
        opening?.Cancel();
        return sender is not null && Interlocked.CompareExchange(ref _sender, null, sender) == sender ? context.DisposeAsync(sender) : ValueTask.CompletedTask;
    }
}
