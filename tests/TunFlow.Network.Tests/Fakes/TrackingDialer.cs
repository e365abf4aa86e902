using System.Net;

namespace TunFlow.Network.Tests;

/// <summary>Dials by TCP and keeps an eye on the connections.</summary>
internal sealed class TrackingDialer : IStreamDialer
{
    private readonly TcpDialer _dialer = new();

    public List<EndPoint> Dialled { get; } = [];

    public List<TrackedConnection> Connections { get; } = [];

    public async ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        lock (Dialled)
        {
            Dialled.Add(remote);
        }

        TrackedConnection connection = new(await _dialer.DialStreamAsync(remote, cancellationToken));
        lock (Connections)
        {
            Connections.Add(connection);
        }

        return connection;
    }

    /// <summary>Waits until every connection, and there is at least one, was ended.</summary>
    public async Task AllEndAsync()
    {
        Assert.That(Connections, Is.Not.Empty);
        foreach (TrackedConnection connection in Connections.ToArray())
        {
            await connection.Ended.WaitAsync(TimeSpan.FromSeconds(10));
        }
    }

    public void AssertAllDisposedOnce() => Assert.That(Connections.Select(connection => connection.DisposeCount), Is.All.EqualTo(1));
}
