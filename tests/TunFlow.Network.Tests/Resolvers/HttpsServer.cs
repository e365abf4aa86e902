using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace TunFlow.Network.Tests;

/// <summary>Just enough of HTTP/1.1 over TLS to be a name server, a broken one too.</summary>
internal sealed class HttpsServer : IAsyncDisposable
{
    private readonly StreamServer _server;
    private readonly List<string> _heads = [];
    private readonly List<byte[]> _bodies = [];

    /// <param name="certificate">The server's certificate.</param>
    /// <param name="respond">From a query to the whole response, or null to say nothing.</param>
    public HttpsServer(X509Certificate2 certificate, Func<byte[], byte[]?> respond)
    {
        _server = new StreamServer(async (stream, token) =>
        {
            using SslStream tls = new(stream);
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate, ApplicationProtocols = [SslApplicationProtocol.Http11] }, token);
            while (await ReadHeadAsync(tls, token) is { } head)
            {
                byte[] body = new byte[int.Parse(head.Split('\n').Single(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)).Split(':')[1])];
                await tls.ReadExactlyAsync(body, token);
                lock (_heads)
                {
                    _heads.Add(head);
                    _bodies.Add(body);
                }

                if (respond(body) is not { } response)
                {
                    await Task.Delay(Timeout.Infinite, token);
                    return;
                }

                await tls.WriteAsync(response, token);
                if (Encoding.ASCII.GetString(response).Contains("Connection: close", StringComparison.Ordinal))
                {
                    return;
                }
            }
        });
    }

    public StreamServer Listener => _server;

    public IReadOnlyList<string> Heads
    {
        get
        {
            lock (_heads)
            {
                return [.. _heads];
            }
        }
    }

    public IReadOnlyList<byte[]> Bodies
    {
        get
        {
            lock (_heads)
            {
                return [.. _bodies];
            }
        }
    }

    public static byte[] Ok(byte[] body, string type = "application/dns-message") => Response("200 OK", type, body);

    public static byte[] Response(string status, string type, byte[] body, string more = "") =>
        [.. Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n{more}\r\n"), .. body];

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static async Task<string?> ReadHeadAsync(Stream stream, CancellationToken cancellationToken)
    {
        StringBuilder head = new();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, cancellationToken) == 0)
            {
                return null;
            }

            head.Append((char)one[0]);
        }

        return head.ToString();
    }
}
