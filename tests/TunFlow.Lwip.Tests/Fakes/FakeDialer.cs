using System.Collections.Concurrent;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Fakes;

/// <summary>Hands out <see cref="FakeUpstream"/>s, or does whatever a test wants.</summary>
internal sealed class FakeDialer : IStreamDialer
{
    private int _calls;

    public Func<EndPoint, CancellationToken, ValueTask<StreamConnection>>? OnDial { get; set; }

    public ConcurrentQueue<FakeUpstream> Upstreams { get; } = new();

    public ConcurrentQueue<EndPoint> Destinations { get; } = new();

    public int Calls => Volatile.Read(ref _calls);

    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _calls);
        Destinations.Enqueue(remote);
        return OnDial is { } dial ? dial(remote, cancellationToken) : new ValueTask<StreamConnection>(Create());
    }

    public FakeUpstream Create()
    {
        FakeUpstream upstream = new();
        Upstreams.Enqueue(upstream);
        return upstream;
    }
}
