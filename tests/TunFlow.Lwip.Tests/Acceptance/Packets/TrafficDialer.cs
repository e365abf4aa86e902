using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Packets;

/// <summary>Dials of many fates, or of one; keeps nothing but numbers.</summary>
internal sealed class TrafficDialer(int fates) : IStreamDialer
{
    private int _dials;
    private int _opened;
    private int _disposed;
    private int _disposedAgain;
    private long _received;

    public int Opened => Volatile.Read(ref _opened);

    public int Disposed => Volatile.Read(ref _disposed);

    public int DisposedAgain => Volatile.Read(ref _disposedAgain);

    /// <summary>Bytes that upstreams got.</summary>
    public long Received => Volatile.Read(ref _received);

    public async ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        int fate = Interlocked.Increment(ref _dials) % fates;
        switch (fate)
        {
            case 6:
                throw new NetworkException(NetworkError.ConnectionRefused);
            case 7:
                await Task.Delay(Timeout.Infinite, cancellationToken);
                break;
            case 3 or 4 or 5:
                await Task.Yield();
                break;
        }

        Interlocked.Increment(ref _opened);
        return new TrafficUpstream(this, fate);
    }

    internal void Count(int bytes) => Interlocked.Add(ref _received, bytes);

    internal void OnDisposed(int disposals) => Interlocked.Increment(ref disposals == 1 ? ref _disposed : ref _disposedAgain);
}
