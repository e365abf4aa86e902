using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <content>What isn't intercepted.</content>
internal sealed partial class DnsInterceptSession
{
    private DnsInterceptDefault? _default;
    private TaskCompletionSource<DnsInterceptDefault>? _opening;

    private ValueTask WriteToDefault(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken)
    {
        DnsInterceptDefault? current = Volatile.Read(ref _default);
        ValueTask send = ValueTask.CompletedTask;
        if (current is not null)
        {
            try
            {
                send = current.SendAsync(payload, destination, cancellationToken);
            }
            catch (Exception exception)
            {
                send = ValueTask.FromException(exception);
            }

            if (send.IsCompletedSuccessfully)
            {
                send.GetAwaiter().GetResult();
                return ValueTask.CompletedTask;
            }
        }

        return FinishDefaultAsync(send, current, payload, destination, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishDefaultAsync(
        ValueTask send, DnsInterceptDefault? current, ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken)
    {
        try
        {
            if (current is not null)
            {
                try
                {
                    await send.ConfigureAwait(false);
                    return;
                }
                catch (Exception exception) when (IsEnd(exception) && IsOpen)
                {
                    // It ended by itself. Below another one takes its place.
                }
            }

            Task<DnsInterceptDefault> opening = OpenDefaultAsync(current);
            if (current is not null)
            {
                // Only now: the end of the last inner session would be the end of this one.
                await current.EndUnobservedAsync().ConfigureAwait(false);
            }

            current = await opening.WaitAsync(cancellationToken).ConfigureAwait(false);
            await current.SendAsync(payload, destination, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
    }

    /// <summary>Finds the session, or opens it; all who come meanwhile wait for the same opening.</summary>
    /// <param name="stale">A session that was found closed.</param>
    private Task<DnsInterceptDefault> OpenDefaultAsync(DnsInterceptDefault? stale)
    {
        DnsInterceptDefault child;
        TaskCompletionSource<DnsInterceptDefault> opening;
        lock (_lock)
        {
            if (_default is { IsEnded: false } current && current != stale)
            {
                return Task.FromResult(current);
            }

            if (_opening is { } underWay)
            {
                return underWay.Task;
            }

            ThrowIfEndingLocked();
            _default = null;
            child = Receiver is IPacketErrorReceiver errorReceiver ? new DnsInterceptErrorDefault(this, errorReceiver) : new DnsInterceptDefault(this);
            _children.Add(child);
            opening = _opening = new TaskCompletionSource<DnsInterceptDefault>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _ = OpenDefaultAsync(child, opening);
        return opening.Task;
    }

    /// <summary>Opens a session for as long as the outer one lives: whoever gives up waiting doesn't take it from the others.</summary>
    private async Task OpenDefaultAsync(DnsInterceptDefault child, TaskCompletionSource<DnsInterceptDefault> opening)
    {
        try
        {
            await child.OpenAsync(proxy.DefaultProxy, _lifetime.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Interlocked.Increment(ref Counters.DefaultOpenErrors);
            lock (_lock)
            {
                _opening = null;
            }

            await child.EndUnobservedAsync(failed: true).ConfigureAwait(false);

            // Not Closed: that would say that this session ended, and the pending queries with it.
            Fail(opening, IsEnd(exception) && IsOpen ? new NetworkException(NetworkError.ConnectionAborted, "The default proxy opened no session.", exception) : exception);
            return;
        }

        Interlocked.Increment(ref Counters.DefaultSessionsOpened);
        lock (_lock)
        {
            _opening = null;
            _default = child.IsEnded ? null : child;
        }

        opening.TrySetResult(child);
    }
}
