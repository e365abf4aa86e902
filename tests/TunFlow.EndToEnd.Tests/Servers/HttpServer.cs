using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>Enough of HTTP/1.1 for curl: GET answers with the given bytes, PUT with the SHA-256 of what was sent.</summary>
internal sealed class HttpServer : StreamServer
{
    private readonly byte[] _content;

    internal HttpServer(Socket listener, byte[] content)
        : base(listener)
    {
        _content = content;
        Start();
    }

    protected override async Task ServeAsync(Socket client)
    {
        await using NetworkStream stream = new(client);
        (string request, long length, bool expects) = await ReadHeadAsync(stream);
        byte[] body = _content;
        if (request.StartsWith("PUT ", StringComparison.Ordinal))
        {
            if (expects)
                await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray());
            body = Encoding.ASCII.GetBytes(await HashAsync(stream, length));
        }

        string head = string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
        await stream.WriteAsync(body);
        client.Shutdown(SocketShutdown.Send);
    }

    private static async Task<(string Request, long Length, bool Expects)> ReadHeadAsync(NetworkStream stream)
    {
        List<byte> head = [];
        byte[] one = new byte[1];
        while (!(head.Count > 3 && head[^1] == '\n' && head[^3] == '\n'))
        {
            if (await stream.ReadAsync(one) == 0)
                throw new IOException("the request ended in its head");
            head.Add(one[0]);
        }

        string[] lines = Encoding.ASCII.GetString([.. head]).Split("\r\n");
        string? length = Array.Find(lines, static line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        bool expects = Array.Exists(lines, static line => line.StartsWith("Expect:", StringComparison.OrdinalIgnoreCase));
        return (lines[0], length is null ? 0 : long.Parse(length["Content-Length:".Length..], CultureInfo.InvariantCulture), expects);
    }

    private static async Task<string> HashAsync(NetworkStream stream, long length)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[65536];
        while (length > 0)
        {
            int count = await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, length)));
            if (count == 0)
                throw new IOException("the upload ended early");
            hash.AppendData(buffer, 0, count);
            length -= count;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
