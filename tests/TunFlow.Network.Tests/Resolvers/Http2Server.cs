using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace TunFlow.Network.Tests;

/// <summary>Just enough of HTTP/2 (RFC 9113) over TLS to be a name server, a broken one too. Pings are not answered: a connection on which the answers stop is silent.</summary>
internal sealed class Http2Server : IAsyncDisposable
{
    private const int PrefaceSize = 24;
    private const int HeaderSize = 9;
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte ResetStream = 3;
    private const byte Settings = 4;
    private const byte EndStream = 1;
    private const byte Ack = 1;
    private const byte EndHeaders = 4;

    private readonly StreamServer _server;
    private int _connections;

    /// <param name="certificate">The server's certificate.</param>
    /// <param name="respond">From the number of the connection, from 1, the stream and its query to the frames to send, or null to say nothing.</param>
    public Http2Server(X509Certificate2 certificate, Func<int, int, byte[], byte[]?> respond)
    {
        _server = new StreamServer(async (stream, token) =>
        {
            int connection = Interlocked.Increment(ref _connections);
            using SslStream tls = new(stream);
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate, ApplicationProtocols = [SslApplicationProtocol.Http2] }, token);
            await tls.ReadExactlyAsync(new byte[PrefaceSize], token);
            await tls.WriteAsync(Frame(Settings, 0, 0), token);
            Dictionary<int, List<byte>> queries = [];
            byte[] header = new byte[HeaderSize];
            while (await tls.ReadAtLeastAsync(header, HeaderSize, throwOnEndOfStream: false, token) == HeaderSize)
            {
                byte[] payload = new byte[(header[0] << 16) | (header[1] << 8) | header[2]];
                await tls.ReadExactlyAsync(payload, token);
                int id = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5));
                bool flagged = (header[4] & Ack) != 0;
                if (header[3] == Settings && !flagged)
                {
                    await tls.WriteAsync(Frame(Settings, Ack, 0), token);
                }
                else if (header[3] == Data)
                {
                    queries.TryAdd(id, []);
                    queries[id].AddRange(payload);
                    if (flagged && respond(connection, id, [.. queries[id]]) is { } response)
                    {
                        await tls.WriteAsync(response, token);
                    }
                }
            }
        });
    }

    public StreamServer Listener => _server;

    /// <summary>The whole response to a stream's request: status 200 by its number in HPACK's table, the type and any other header as plain text.</summary>
    public static byte[] Ok(int stream, byte[] body, int? cut = null) =>
    [
        .. Frame(Headers, EndHeaders, stream, [0x88, 0x0F, 0x10, 23, .. Encoding.ASCII.GetBytes("application/dns-message")]),
        .. Frame(Data, cut is null ? EndStream : (byte)0, stream, body[..(cut ?? body.Length)]),
    ];

    public static byte[] Reset(int stream, byte code) => Frame(ResetStream, 0, stream, [0, 0, 0, code]);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static byte[] Frame(byte type, byte flags, int stream, byte[]? payload = null)
    {
        int length = payload?.Length ?? 0;
        byte[] frame = [(byte)(length >> 16), (byte)(length >> 8), (byte)length, type, flags, 0, 0, 0, 0, .. payload ?? []];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return frame;
    }
}
