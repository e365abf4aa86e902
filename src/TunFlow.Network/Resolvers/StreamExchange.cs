using System.Buffers.Binary;

namespace TunFlow.Network.Resolvers;

/// <summary>Queries over byte streams: each message follows its length in two bytes (RFC 1035 section 4.2.2, RFC 7766).</summary>
internal static class StreamExchange
{
    private const int LengthSize = sizeof(ushort);

    /// <summary>Sends a query and reads its answer. When the scope ends, the connection is aborted: a write to TLS can't be cancelled in any other way.</summary>
    /// <param name="connection">What carries <paramref name="stream"/>.</param>
    /// <param name="stream">The connection itself, or the TLS within it.</param>
    /// <param name="query">The query.</param>
    /// <param name="scope">The query's scope.</param>
    public static async ValueTask<DnsResponse> RunAsync(StreamConnection connection, Stream stream, DnsQueryMessage query, QueryScope scope)
    {
        using CancellationTokenRegistration abort = scope.Token.UnsafeRegister(static state => ((StreamConnection)state!).Abort(), connection);
        scope.Stage = DnsStage.Send;

        // In one write: a server may take a segment with nothing but the length for a broken query (RFC 7766 section 8).
        byte[] buffer = new byte[LengthSize + query.Message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(buffer, (ushort)query.Message.Length);
        query.Message.CopyTo(buffer.AsMemory(LengthSize));
        await stream.WriteAsync(buffer, scope.Token).ConfigureAwait(false);
        await stream.FlushAsync(scope.Token).ConfigureAwait(false);

        scope.Stage = DnsStage.Receive;
        await stream.ReadExactlyAsync(buffer.AsMemory(0, LengthSize), scope.Token).ConfigureAwait(false);
        byte[] answer = new byte[BinaryPrimitives.ReadUInt16BigEndian(buffer)];
        await stream.ReadExactlyAsync(answer, scope.Token).ConfigureAwait(false);

        scope.Stage = DnsStage.Response;
        return DnsResponseParser.TryParse(answer, query, out DnsResponse? response, out string problem) ? response! : throw scope.Reject(problem);
    }
}
