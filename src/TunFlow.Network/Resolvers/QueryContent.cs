using System.Net;
using System.Net.Http;

namespace TunFlow.Network.Resolvers;

/// <summary>The body of a request, which knows how far the request came.</summary>
internal sealed class QueryContent(ReadOnlyMemory<byte> message, QueryScope scope, HttpConnector connector) : HttpContent
{
    private long _heardBefore;

    /// <summary>The count of <see cref="HttpConnector.Heard"/> when the query was sent.</summary>
    public long HeardBefore => Volatile.Read(ref _heardBefore);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // There is a connection now. If the handler finds it dead, it comes here again with another one.
        Volatile.Write(ref _heardBefore, connector.Heard);
        scope.Stage = DnsStage.Send;
        await stream.WriteAsync(message, cancellationToken).ConfigureAwait(false);
        scope.Stage = DnsStage.Receive;
    }

    protected override bool TryComputeLength(out long length)
    {
        length = message.Length;
        return true;
    }
}
