using System.Collections.Concurrent;

namespace TunFlow.Network.Tests;

/// <summary>Opens datagram sockets in memory whose peers answer each datagram with itself, marked as a DNS response.</summary>
internal sealed class EchoListener : IPacketListener
{
    public ConcurrentQueue<EchoConnection> Connections { get; } = new();

    public Exception? OpenError { get; set; }

    /// <summary>While it isn't set, sends pend.</summary>
    public TaskCompletionSource? Gate { get; set; }

    /// <summary>How many sockets are not disposed exactly once.</summary>
    public int Open => Connections.Count(connection => connection.Disposals != 1);

    public static byte[] Answer(ReadOnlySpan<byte> request)
    {
        byte[] answer = request.ToArray();
        if (answer.Length > 2)
        {
            answer[2] |= 0x80;
        }

        return answer;
    }

    public TaskCompletionSource Hold() => Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void End()
    {
        foreach (EchoConnection connection in Connections)
        {
            connection.End();
        }
    }

    public ValueTask<IPacketConnection> ListenPacketAsync(CancellationToken cancellationToken = default)
    {
        if (OpenError is { } error)
        {
            throw error;
        }

        EchoConnection connection = new(this);
        Connections.Enqueue(connection);
        return new ValueTask<IPacketConnection>(connection);
    }
}
