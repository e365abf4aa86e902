using System.Collections.Concurrent;
using System.Net;
using System.Net.Http;
using System.Net.Security;

namespace TunFlow.Network.Resolvers;

/// <summary>Makes the connections that HTTP runs over: dials and does the handshake itself, so that the time limit is on our clock and a failure frees everything.</summary>
internal sealed class HttpConnector(IStreamDialer dialer, EndPoint server, TlsSettings tls, TimeSpan timeout, TimeProvider timeProvider)
{
    private static readonly List<SslApplicationProtocol> s_protocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    private readonly ConcurrentDictionary<KeptConnection, bool> _kept = new();
    private long _heard;

    /// <summary>How often something was heard on any of the connections.</summary>
    public long Heard => Volatile.Read(ref _heard);

    /// <summary>Cancelled when the resolver is disposed: the handler itself lets a connection that is being made live on for later requests.</summary>
    public CancellationToken Disposed { get; init; }

    /// <summary>The callback of the HTTP handler, which takes an <see cref="SslStream"/> as it is.</summary>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Disposed);
        using QueryScope scope = new(ServerEndPoint.Describe(server), timeout, timeProvider, ends.Token);
        try
        {
            scope.Token.ThrowIfCancellationRequested();
            StreamConnection connection = await PatientDial.RunAsync(token => dialer.DialStreamAsync(server, token), scope.Token).ConfigureAwait(false);
            KeptConnection kept = new(connection, this);
            _kept.TryAdd(kept, true);
            return await tls.ConnectAsync(kept, s_protocols, scope.Token).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            throw scope.Translate(exception);
        }
    }

    /// <summary>Notes that something was heard.</summary>
    public long Hear() => Interlocked.Increment(ref _heard);

    /// <summary>Ends the connections that nothing was heard on since: HTTP/2 would put every later query on a connection that has died without a word, until the system gives it up a quarter of an hour later.</summary>
    public void EndSilent(long since)
    {
        foreach (KeptConnection connection in _kept.Keys)
        {
            if (connection.LastHeard <= since)
            {
                connection.Abort();
            }
        }
    }

    public void Forget(KeptConnection connection) => _kept.TryRemove(connection, out _);
}
