using System.Net;

namespace TunFlow.Network.Relays;

/// <summary>The proxy's view of a <see cref="ProxyAssociation"/>.</summary>
internal sealed class ProxyAssociationReceiver(ProxyAssociation association) : IPacketErrorReceiver
{
    private int _disposed;

    public ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ThrowIfDisposed();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        association.Deliver(payload.Span, source);
        return ValueTask.CompletedTask;
    }

    public ValueTask ReportUnreachableAsync(NetworkError error, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ThrowIfDisposed();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        association.Report(new NetworkException(error, $"{destination} can't be reached: {NetworkErrors.Describe(error)}") { Destination = destination });
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            association.EndByProxy();
        }

        return ValueTask.CompletedTask;
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, typeof(IPacketResponseReceiver));
}
