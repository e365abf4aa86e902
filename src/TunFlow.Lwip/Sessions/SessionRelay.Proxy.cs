using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>Opening and ending the proxy's session.</content>
internal sealed partial class SessionRelay
{
    /// <summary>Opens a proxy session; on failure what waits is refused and the result is false.</summary>
    private async ValueTask<bool> OpenProxySessionAsync()
    {
        SessionReceiver receiver = new(_session, _context);
        using CallLimit opening = new(_context);
        using CancellationTokenRegistration link = _ended.UnsafeRegister(static self => ((CallLimit)self!).Cancel(), opening);
        Task<IPacketRequestSender>? task = null;
        try
        {
            task = _context.PacketProxy.NewSessionAsync(receiver, opening.Token).AsTask();
            // A proxy may ignore its token; the session's end must not depend on that.
            IPacketRequestSender sender = await task.WaitAsync(opening.Ended).ConfigureAwait(false)
                ?? throw new InvalidOperationException("The packet proxy returned no sender.");
            _receiver = receiver;
            Volatile.Write(ref _sender, sender);
            // Break disposes what it finds in _sender: look for the end after storing it.
            Interlocked.MemoryBarrier();
            return !_session.IsClosed;
        }
        catch (Exception exception)
        {
            if (task is { IsFaulted: false, IsCanceled: false })
                _ = DisposeLateAsync(task);
            // Looked at, or a session that failed just when its time was up would be reported as unobserved.
            _ = task?.Exception;
            await receiver.DisposeAsync().ConfigureAwait(false);
            if (!_session.IsClosed)
            {
                Interlocked.Increment(ref _context.Counters.SessionsFailed);
                RefuseWaiting(Refusals.From(_context.Report(exception)));
            }

            return false;
        }
    }

    private async Task DisposeLateAsync(Task<IPacketRequestSender> task)
    {
        try
        {
            await _context.DisposeAsync(await task.ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            _context.Report(exception);
        }
    }

    private void RefuseWaiting(TfRefusal refusal)
    {
        while (true)
        {
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

    /// <summary>Disposes the sender, exactly once whoever comes first, and makes its receiver refuse.</summary>
    private async ValueTask EndProxySessionAsync()
    {
        if (_receiver is { } receiver)
        {
            _receiver = null;
            await receiver.DisposeAsync().ConfigureAwait(false);
        }

        await _context.DisposeAsync(Interlocked.Exchange(ref _sender, null)).ConfigureAwait(false);
    }

    private void OnBroken(LwipSession session)
    {
        // Counted by itself: the pump may be through before the sender that is disposed here.
        _context.Work.Enter();
        ThreadPool.UnsafeQueueUserWorkItem(static self => _ = self.BreakAsync(), this, preferLocal: false);
    }

    /// <summary>The native session is over: gets the pump out of the proxy's calls.</summary>
    private async Task BreakAsync()
    {
        await _context.CancelAndDisposeAsync(_lifetime).ConfigureAwait(false);
        await _context.DisposeAsync(Interlocked.Exchange(ref _sender, null)).ConfigureAwait(false);
        _context.Work.Exit();
    }
}
