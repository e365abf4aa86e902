using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>Echoes datagrams and counts its sessions; remembers none of them.</summary>
internal sealed class EchoProxy : IPacketProxy
{
    private int _opened;
    private int _disposed;

    public int Opened => Volatile.Read(ref _opened);

    /// <summary>Sessions whose sender was disposed.</summary>
    public int Disposed => Volatile.Read(ref _disposed);

    public ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _opened);
        return new ValueTask<IPacketRequestSender>(new Session(this, receiver));
    }

    private sealed class Session(EchoProxy proxy, IPacketResponseReceiver receiver) : IPacketRequestSender
    {
        private int _disposals;

        public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default) =>
            receiver.WriteFromAsync(payload, destination, cancellationToken);

        public ValueTask DisposeAsync()
        {
            if (Interlocked.Increment(ref _disposals) != 1)
                return ValueTask.CompletedTask;
            Interlocked.Increment(ref proxy._disposed);
            return receiver.DisposeAsync();
        }
    }
}
