using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>A page of scripts for a browser. Each carries a long text, and writes into the page what arrived of it.</summary>
internal sealed class PageServer : StreamServer
{
    private const int Length = 400_000;

    // FNV-1a over the characters.
    private const string Digest =
        """
        function digest(text) {
          let hash = 0x811c9dc5;
          for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
          return text.length + ":" + hash;
        }
        """;

    private readonly string[] _texts;

    internal PageServer(int scripts)
    {
        _texts = [.. Enumerable.Range(0, scripts).Select(static seed => Convert.ToBase64String(TestData.Create(Length, seed)))];
        Start();
    }

    /// <summary>What a browser shows of the page.</summary>
    internal IEnumerable<string> Expected => _texts.Select(static (text, number) => $"<p>{number}:{DigestOf(text)}</p>");

    protected override async Task ServeAsync(Socket client)
    {
        await using NetworkStream stream = new(client);
        using StreamReader reader = new(stream, Encoding.ASCII);
        while (await reader.ReadLineAsync() is { } request)
        {
            while (await reader.ReadLineAsync() is { Length: > 0 })
            {
            }

            byte[] body = Encoding.ASCII.GetBytes(ContentOf(request.Split(' ')[1], out string type));
            string head = string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n\r\n");
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
            await stream.WriteAsync(body);
        }
    }

    private string ContentOf(string path, out string type)
    {
        type = "text/javascript";
        if (int.TryParse(path.AsSpan(1), CultureInfo.InvariantCulture, out int number))
            return $"document.write('<p>{number}:' + digest('{_texts[number]}') + '</p>');";
        type = "text/html";
        IEnumerable<string> scripts = Enumerable.Range(0, _texts.Length).Select(static number => $"<script src='/{number}'></script>");
        return $"<!DOCTYPE html><title>{WebUtility.HtmlEncode(path)}</title><body><script>{Digest}</script>{string.Concat(scripts)}";
    }

    private static string DigestOf(string text)
    {
        uint hash = 0x811c9dc5;
        foreach (char character in text)
            hash = (hash ^ character) * 0x01000193;
        return string.Create(CultureInfo.InvariantCulture, $"{text.Length}:{hash}");
    }
}
