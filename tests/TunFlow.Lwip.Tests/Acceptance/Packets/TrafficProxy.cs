using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Packets;

/// <summary>A proxy that echoes, or only counts; keeps nothing but numbers.</summary>
internal sealed class TrafficProxy(bool echoes) : IPacketProxy
{
    private int _opened;
    private int _disposed;
    private int _disposedAgain;
    private long _datagrams;

    public int Opened => Volatile.Read(ref _opened);

    public int Disposed => Volatile.Read(ref _disposed);

    public int DisposedAgain => Volatile.Read(ref _disposedAgain);

    public long Datagrams => Volatile.Read(ref _datagrams);

    public ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _opened);
        return ValueTask.FromResult<IPacketRequestSender>(new Session(this, receiver));
    }

    private sealed class Session(TrafficProxy proxy, IPacketResponseReceiver receiver) : IPacketRequestSender
    {
        private int _disposals;

        public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref proxy._datagrams);
            return proxy is { Echoes: true } ? receiver.WriteFromAsync(payload, destination, cancellationToken) : ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            if (Interlocked.Increment(ref _disposals) > 1)
            {
                Interlocked.Increment(ref proxy._disposedAgain);
                return ValueTask.CompletedTask;
            }

            Interlocked.Increment(ref proxy._disposed);
            return receiver.DisposeAsync();
        }
    }

    private bool Echoes { get; } = echoes;
}
