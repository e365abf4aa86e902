using System.Collections.Concurrent;
using System.Net;

namespace TunFlow.Network.Tests;

/// <summary>A session of a <see cref="ScriptedPacketProxy"/>.</summary>
internal sealed class ScriptedSession(ScriptedPacketProxy proxy, IPacketResponseReceiver receiver) : IPacketRequestSender
{
    private int _disposals;
    private bool _closed;

    public IPacketResponseReceiver Receiver => receiver;

    public IPacketErrorReceiver? ErrorReceiver => receiver as IPacketErrorReceiver;

    public ConcurrentQueue<(byte[] Payload, IPEndPoint Destination)> Sent { get; } = new();

    public int Disposals => Volatile.Read(ref _disposals);

    /// <summary>The session says closed from now on.</summary>
    public void Close() => Volatile.Write(ref _closed, true);

    public async ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(Disposals > 0, this);
        if (Volatile.Read(ref _closed))
        {
            throw new NetworkException(NetworkError.Closed);
        }

        Sent.Enqueue((payload.ToArray(), destination));
        if (proxy.OnSend is { } onSend)
        {
            await onSend(this, payload);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) == 1)
        {
            await receiver.DisposeAsync();
            if (proxy.OnDispose is { } onDispose)
            {
                await onDispose(this);
            }
        }
    }
}
