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
            await SendFirstAsync(current, payload, destination, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
    }

    /// <summary>Sends through a session that was just opened. If it is over already this one goes on for the pending queries, and ends if there are none.</summary>
    private async ValueTask SendFirstAsync(DnsInterceptDefault child, ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken)
    {
        try
        {
            await child.SendAsync(payload, destination, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (IsEnd(exception) && IsOpen)
        {
            await child.EndUnobservedAsync().ConfigureAwait(false);
            if (!IsOpen)
            {
                throw;
            }

            throw new NetworkException(NetworkError.ConnectionAborted, "The session of the default proxy ended before the datagram was sent.", exception);
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
            CancellationTokenSource cancellation = CancellationTokenSource.CreateLinkedTokenSource(_lifetime.Token);
            child = Receiver is IPacketErrorReceiver errorReceiver
                ? new DnsInterceptErrorDefault(this, cancellation, errorReceiver)
                : new DnsInterceptDefault(this, cancellation);
            _children.Add(child);
            opening = _opening = new TaskCompletionSource<DnsInterceptDefault>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _ = OpenDefaultAsync(child, opening);
        return opening.Task;
    }

    /// <summary>Opens a session, until the outer one ends or the time is over: whoever gives up waiting doesn't take it from the others.</summary>
    private async Task OpenDefaultAsync(DnsInterceptDefault child, TaskCompletionSource<DnsInterceptDefault> opening)
    {
        try
        {
            await child.OpenAsync(proxy.DefaultProxy).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Interlocked.Increment(ref Counters.DefaultOpenErrors);
            lock (_lock)
            {
                _opening = null;
            }

            await child.EndUnobservedAsync(failed: true).ConfigureAwait(false);

            Fail(opening, OpeningFailed(exception, child));
            return;
        }

        // From here on its own proxy decides how long it lives.
        proxy.QuerySweeper.Remove(child);
        Interlocked.Increment(ref Counters.DefaultSessionsOpened);
        lock (_lock)
        {
            _opening = null;
            _default = child.IsEnded ? null : child;
        }

        opening.TrySetResult(child);
    }

    private Exception OpeningFailed(Exception exception, DnsInterceptDefault child)
    {
        if (child.TimedOut)
        {
            return new NetworkException(NetworkError.TimedOut, "The default proxy opened no session in time.", exception);
        }

        // Not Closed: that would say that this session ended, and the pending queries with it.
        return IsEnd(exception) && IsOpen ? new NetworkException(NetworkError.ConnectionAborted, "The default proxy opened no session.", exception) : exception;
    }
}
