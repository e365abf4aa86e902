using System.Net;

namespace TunFlow.Network;

/// <summary>An inner session of a <see cref="DnsInterceptSession"/>: owns its sender and is its receiver.</summary>
/// <remarks>
/// Ends once: by its own proxy (which disposes it), by the outer session, or by itself. Whoever ends it disposes the sender; that the sender disposes this
/// receiver in turn finds it ended. A sender that arrives late, because the end came while it was opened, is disposed where it arrives.
/// </remarks>
internal abstract class DnsInterceptChild(DnsInterceptSession session) : IPacketResponseReceiver
{
    private IPacketRequestSender? _sender;
    private int _ended;

    public bool IsEnded => Volatile.Read(ref _ended) != 0;

    /// <summary>Whether it can send.</summary>
    public bool IsReady => Volatile.Read(ref _sender) is not null;

    protected DnsInterceptSession Session => session;

    public abstract ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default);

    /// <summary>Called by its proxy's session, when no more responses will come.</summary>
    public ValueTask DisposeAsync() => EndUnobservedAsync();

    /// <summary>Opens the session. To be called once.</summary>
    public async Task OpenAsync(IPacketProxy proxy, CancellationToken cancellationToken)
    {
        Task<IPacketRequestSender> opening = proxy.NewSessionAsync(this, cancellationToken).AsTask();
        IPacketRequestSender sender;
        try
        {
            // A proxy may ignore its token; who waits here must not.
            sender = await opening.WaitAsync(cancellationToken).ConfigureAwait(false)
                ?? throw new InvalidOperationException("The packet proxy returned no sender.");
        }
        catch
        {
            _ = DisposeLateAsync(opening);
            throw;
        }

        Volatile.Write(ref _sender, sender);

        // The end marks itself before it takes the sender: one of the two sees the other.
        Interlocked.MemoryBarrier();
        if (IsEnded)
        {
            await DisposeSenderAsync().ConfigureAwait(false);
            throw new NetworkException(NetworkError.Closed, "The inner packet session ended while it was opened.");
        }
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken) =>
        Volatile.Read(ref _sender) is { } sender
            ? sender.WriteToAsync(payload, destination, cancellationToken)
            : throw new NetworkException(NetworkError.Closed, "The inner packet session has ended.");

    /// <summary>Ends the session; the exception of its sender's disposal is the caller's.</summary>
    /// <param name="failed">Whether it never came to work: then the outer session goes on even if this was the last one.</param>
    public async ValueTask EndAsync(bool failed = false)
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
        {
            return;
        }

        OnEnding();
        try
        {
            await DisposeSenderAsync().ConfigureAwait(false);
        }
        finally
        {
            session.Remove(this, failed);
        }
    }

    public async ValueTask EndUnobservedAsync(bool failed = false)
    {
        try
        {
            await EndAsync(failed).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Foreign code failed in its disposal and there is no caller to tell.
            Interlocked.Increment(ref session.Counters.DisposeErrors);
        }
    }

    /// <summary>Releases what the derived class holds. Called once; must not throw.</summary>
    protected virtual void OnEnding()
    {
    }

    protected void ThrowIfEnded() => ObjectDisposedException.ThrowIf(IsEnded, typeof(IPacketResponseReceiver));

    private ValueTask DisposeSenderAsync() => Interlocked.Exchange(ref _sender, null)?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task DisposeLateAsync(Task<IPacketRequestSender> opening)
    {
        IPacketRequestSender? sender;
        try
        {
            sender = await opening.ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Whoever waited for it was told.
            return;
        }

        try
        {
            await (sender?.DisposeAsync() ?? ValueTask.CompletedTask).ConfigureAwait(false);
        }
        catch (Exception)
        {
            Interlocked.Increment(ref session.Counters.DisposeErrors);
        }
    }
}
