using System.Net;

namespace TunFlow.Network.Relays;

/// <summary>One association of a <see cref="ProxyPacketRelay"/>.</summary>
/// <remarks>
/// Opened before the session it stands for, because the proxy may answer, and even end it, before it returns the sender. The sender is disposed by whoever
/// takes it out of the field: the end, or <see cref="Attach"/> if the end came first.
/// </remarks>
internal sealed class ProxyAssociation : AssociationBase
{
    private readonly DatagramQueue _queue;
    private IPacketRequestSender? _sender;

    public ProxyAssociation(ProxyPacketRelayOptions options, PacketRelayCounters counters)
        : base(counters)
    {
        _queue = new DatagramQueue(options.MaxQueuedDatagrams, options.MaxQueuedBytes);

        // From here on: the proxy may end the association before it has opened it.
        Interlocked.Increment(ref counters.ActiveAssociations);
    }

    protected override bool DrainsWhenClosed => true;

    /// <summary>The session is open. To be called once.</summary>
    public void Attach(IPacketRequestSender sender)
    {
        Interlocked.Increment(ref Counters.AssociationsOpened);
        Interlocked.Exchange(ref _sender, sender);
        if (!IsOpen)
        {
            _ = DisposeSenderUnobservedAsync();
        }
    }

    /// <summary>There will be no session.</summary>
    public void Abandon()
    {
        EndByProxy();
        _queue.Complete(discard: true);
    }

    /// <summary>Takes what the proxy delivers.</summary>
    public void Deliver(ReadOnlySpan<byte> payload, IPEndPoint source)
    {
        if (!_queue.TryWrite(payload, source))
        {
            Interlocked.Increment(ref Counters.DroppedQueueFull);
        }
    }

    /// <summary>Takes what the proxy reports.</summary>
    public void Report(NetworkException report)
    {
        if (!_queue.TryReport(report))
        {
            Interlocked.Increment(ref Counters.DroppedQueueFull);
        }
    }

    /// <summary>The proxy says that nothing more will come. It may be in the middle of the sender's disposal, so that is not waited for.</summary>
    public void EndByProxy()
    {
        if (TryEnd())
        {
            _ = CloseUnobservedAsync();
        }
    }

    protected override ValueTask SendCoreAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken) =>
        Volatile.Read(ref _sender) is { } sender ? sender.WriteToAsync(payload, destination, cancellationToken) : throw AssociationErrors.Closed();

    protected override ValueTask<ReceivedDatagram> ReceiveCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken) =>
        _queue.ReadAsync(buffer, cancellationToken);

    protected override void OnEnded() => _queue.Complete(discard: false);

    protected override void OnDisposed() => _queue.Complete(discard: true);

    protected override ValueTask CloseCoreAsync() => Interlocked.Exchange(ref _sender, null) is { } sender ? sender.DisposeAsync() : ValueTask.CompletedTask;

    private async Task DisposeSenderUnobservedAsync()
    {
        try
        {
            await CloseCoreAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Foreign code failed in its disposal and there is no caller to tell.
            Interlocked.Increment(ref Counters.DisposeErrors);
        }
    }
}
