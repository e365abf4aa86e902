using System.Net;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>A server that does something else with each connection: all of it in order, a half, an answer before the question, a reset amid everything, nothing.</summary>
internal sealed class StormServer : IAsyncDisposable
{
    private const int Longest = 400_000;

    private readonly Socket _listener = TcpLoopback.Listen();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _connections;
    private int _wrong;

    public StormServer() => _accepting = AcceptAsync();

    public EndPoint EndPoint => _listener.LocalEndPoint!;

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Connections on which something else arrived than what an application sends.</summary>
    public int Wrong => Volatile.Read(ref _wrong);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> served = [];
        try
        {
            for (int number = 0; ; number++)
            {
                Socket socket = await _listener.AcceptAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                served.RemoveAll(static task => task.IsCompletedSuccessfully);
                served.Add(ServeAsync(socket, new Random(number)));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(served);
        }
    }

    private async Task ServeAsync(Socket socket, Random random)
    {
        using (socket)
        {
            try
            {
                Task sending = random.Next(4) == 0 ? Task.CompletedTask : StormStream.SendAsync(socket, random.Next(Longest), random.Next(3) > 0, _stop.Token);
                int most = random.Next(3) == 0 ? random.Next(Longest) : int.MaxValue;
                if (!await StormStream.ReceiveAsync(socket, most, _stop.Token))
                    Interlocked.Increment(ref _wrong);
                if (random.Next(4) == 0)
                    socket.LingerState = new LingerOption(enable: true, seconds: 0);
                else
                    await sending;
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The application's reset, the tunnel's end, or the test's.
            }
        }
    }
}
