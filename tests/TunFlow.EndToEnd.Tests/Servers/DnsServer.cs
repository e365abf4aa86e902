using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace TunFlow.EndToEnd.Tests.Servers;

/// <summary>Answers every A and AAAA question with fixed addresses, by UDP and TCP (RFC 1035).</summary>
internal sealed class DnsServer : IDisposable
{
    internal const string Answer4 = "192.0.2.77";
    internal const string Answer6 = "2001:db8::77";

    private readonly Socket _datagrams;
    private readonly Socket _listener;

    /// <summary>Serves on bound sockets.</summary>
    internal DnsServer(Socket datagrams, Socket listener)
    {
        _datagrams = datagrams;
        _listener = listener;
        _ = ServeDatagramsAsync();
        _ = ServeStreamsAsync();
    }

    public void Dispose()
    {
        _datagrams.Dispose();
        _listener.Dispose();
    }

    private async Task ServeDatagramsAsync()
    {
        byte[] buffer = new byte[512];
        EndPoint any = new IPEndPoint(_datagrams.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        try
        {
            while (true)
            {
                SocketReceiveFromResult query = await _datagrams.ReceiveFromAsync(buffer, any);
                await _datagrams.SendToAsync(Answer(buffer.AsSpan(0, query.ReceivedBytes)), query.RemoteEndPoint);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Disposed: the test is over.
        }
    }

    private async Task ServeStreamsAsync()
    {
        try
        {
            while (true)
            {
                using Socket client = await _listener.AcceptAsync();
                await using NetworkStream stream = new(client);
                byte[] length = new byte[2];
                await stream.ReadExactlyAsync(length);
                byte[] query = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
                await stream.ReadExactlyAsync(query);
                byte[] answer = Answer(query);
                BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)answer.Length);
                await stream.WriteAsync((byte[])[.. length, .. answer]);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or IOException)
        {
            // Disposed, or a client that left: the test looks at the client.
        }
    }

    private static byte[] Answer(ReadOnlySpan<byte> query)
    {
        // Header, then one question: a name that ends with a zero byte, type, class.
        int end = 12 + query[12..].IndexOf((byte)0) + 5;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(query[(end - 4)..]);
        byte[] address = type switch
        {
            1 => IPAddress.Parse(Answer4).GetAddressBytes(),
            28 => IPAddress.Parse(Answer6).GetAddressBytes(),
            _ => [],
        };
        List<byte> answer = [query[0], query[1], 0x85, 0x80, 0, 1, 0, (byte)(address.Length > 0 ? 1 : 0), 0, 0, 0, 0];
        answer.AddRange(query[12..end]);
        if (address.Length > 0)
            answer.AddRange([0xc0, 12, 0, (byte)type, 0, 1, 0, 0, 0, 60, 0, (byte)address.Length, .. address]);
        return [.. answer];
    }
}
