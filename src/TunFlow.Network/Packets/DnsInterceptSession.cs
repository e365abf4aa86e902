using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.ExceptionServices;

namespace TunFlow.Network;

/// <summary>One session of a <see cref="DnsInterceptPacketProxy"/>.</summary>
/// <remarks>
/// Theory of operation. Inner sessions are in the list from before they are opened until after their sender is disposed. Taking the last one out ends
/// the outer session, unless that one never came to work: then the sweeper does, if nothing else is sent for a while. The decision to end is taken under
/// the lock, and nothing is put into the list after it.
/// </remarks>
[SuppressMessage("Reliability", "CA2213", Justification = "_lifetime has no timer and no handle, and may still be asked by calls that are on their way out.")]
internal sealed partial class DnsInterceptSession(DnsInterceptPacketProxy proxy, IPacketResponseReceiver receiver, IdleSweeper sweeper)
    : PacketSession(receiver, sweeper, proxy.Counters)
{
    private readonly Lock _lock = new();
    private readonly List<DnsInterceptChild> _children = [];
    private readonly CancellationTokenSource _lifetime = new();
    private bool _ending;

    public DnsInterceptPacketProxy Proxy => proxy;

    public DnsInterceptCounters Counters => proxy.Counters;

    protected override bool IsBusy
    {
        get
        {
            lock (_lock)
            {
                return _children.Count > 0;
            }
        }
    }

    public void Start() => Begin();

    public override ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (payload.IsEmpty)
        {
            return IgnoreEmpty();
        }

        EnterWrite(destination.Port);
        return proxy.IsLocalResolver(destination)
            ? QueryAsync(payload, destination, cancellationToken)
            : WriteToDefault(payload, destination, cancellationToken);
    }

    /// <summary>A receiver that says that it is closed ends the whole session, not only the inner one that met it.</summary>
    public void NoteDeliveryError(Exception exception)
    {
        if (IsEnd(exception))
        {
            End();
        }
    }

    /// <summary>An inner session is over and its sender disposed.</summary>
    public void Remove(DnsInterceptChild child, bool failed)
    {
        bool last;
        lock (_lock)
        {
            _children.Remove(child);
            if (_default == child)
            {
                _default = null;
            }

            last = _children.Count == 0 && !failed && !_ending;
            _ending |= last;
        }

        if (last)
        {
            End();
        }
    }

    protected override async ValueTask CloseUpstreamAsync()
    {
        DnsInterceptChild[] children;
        TaskCompletionSource<DnsInterceptDefault>? opening;
        lock (_lock)
        {
            _ending = true;
            children = [.. _children];
            opening = _opening;
        }

        if (opening is not null)
        {
            Fail(opening, new NetworkException(NetworkError.Closed));
        }

        // Not awaited: callbacks of the token are foreign code.
        _ = CancelAsync();
        ExceptionDispatchInfo? first = null;

        // All begin to end before any is waited for: one whose disposal hangs must not hold the others' sockets.
        Task[] endings = [.. children.Select(static child => child.EndAsync().AsTask())];
        foreach (Task ending in endings)
        {
            try
            {
                await ending.ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                first ??= ExceptionDispatchInfo.Capture(exception);
            }
        }

        first?.Throw();
    }

    private static void Fail(TaskCompletionSource<DnsInterceptDefault> opening, Exception exception)
    {
        opening.TrySetException(exception);

        // Looked at, or it would be reported as unobserved if everybody who waited gave up.
        _ = opening.Task.Exception;
    }

    private async Task CancelAsync()
    {
        try
        {
            await _lifetime.CancelAsync().ConfigureAwait(false);
        }
        catch (AggregateException)
        {
            Interlocked.Increment(ref Counters.DisposeErrors);
        }
    }

    private void ThrowIfEndingLocked()
    {
        if (_ending)
        {
            throw new NetworkException(NetworkError.Closed, "The packet session has ended.");
        }
    }
}
