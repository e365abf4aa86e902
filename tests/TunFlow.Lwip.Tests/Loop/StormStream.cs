using System.Net.Sockets;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>The bytes that both ends of a storm's connections send, and know again.</summary>
internal static class StormStream
{
    private const int Period = 251;
    private const int Block = 16 * 1024;

    private static readonly byte[] s_pattern = [.. Enumerable.Range(0, Block + Period).Select(static i => (byte)(i % Period))];

    public static async Task SendAsync(Socket socket, int length, bool completes, CancellationToken stop)
    {
        for (int sent = 0; sent < length;)
            sent += await socket.SendAsync(s_pattern.AsMemory(sent % Period, Math.Min(Block, length - sent)), stop);
        if (completes)
            socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Receives to the end, or so many bytes. False if they are others than those that were sent.</summary>
    public static async Task<bool> ReceiveAsync(Socket socket, int most, CancellationToken stop)
    {
        byte[] buffer = new byte[Block];
        for (int received = 0; received < most;)
        {
            int count = await socket.ReceiveAsync(buffer, stop);
            if (count == 0)
                return true;
            if (!buffer.AsSpan(0, count).SequenceEqual(s_pattern.AsSpan(received % Period, count)))
                return false;
            received += count;
        }

        return true;
    }
}
