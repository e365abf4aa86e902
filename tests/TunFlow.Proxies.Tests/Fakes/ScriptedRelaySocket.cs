using System.Net;
using System.Threading.Channels;

namespace TunFlow.Proxies.Tests;

/// <summary>A socket whose receives are scripted and whose sends are recorded.</summary>
internal sealed class ScriptedRelaySocket(bool canWait, Exception? disposeError) : IConnectedPacketConnection
{
    private readonly Channel<byte[]> _incoming = Channel.CreateUnbounded<byte[]>();
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposeCount;
    private int _receives;

    public List<byte[]> Sent { get; } = [];

    public Func<CancellationToken, ValueTask>? OnSend { get; set; }

    public Func<byte[], byte[]>? Answer { get; init; }

    /// <summary>Thrown by the next receive.</summary>
    public Exception? ReceiveError { get; set; }

    public int DisposeCount => Volatile.Read(ref _disposeCount);

    public Task Disposed => _disposed.Task;

    /// <summary>Receives that have begun.</summary>
    public int Receives => Volatile.Read(ref _receives);

    public EndPoint? LocalEndPoint { get; } = IPEndPoint.Parse("192.0.2.20:2000");

    public EndPoint? RemoteEndPoint { get; } = IPEndPoint.Parse("192.0.2.10:4660");

    public bool CanWaitForData => canWait;

    public void Arrives(byte[] datagram) => _incoming.Writer.TryWrite(datagram);

    public async ValueTask SendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(DisposeCount > 0, this);
        if (OnSend is { } onSend)
        {
            await onSend(cancellationToken);
            ObjectDisposedException.ThrowIf(DisposeCount > 0, this);
        }

        lock (Sent)
        {
            Sent.Add(payload.ToArray());
        }

        if (Answer is { } answer)
        {
            Arrives(answer(payload.ToArray()));
        }
    }

    public async ValueTask<ReceivedDatagram> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(DisposeCount > 0, this);
        Interlocked.Increment(ref _receives);
        if (ReceiveError is { } error)
        {
            ReceiveError = null;
            throw error;
        }

        ObjectDisposedException.ThrowIf(!await _incoming.Reader.WaitToReadAsync(cancellationToken), this);

        if (buffer.IsEmpty)
        {
            return default;
        }

        byte[] datagram = await _incoming.Reader.ReadAsync(cancellationToken);
        datagram.CopyTo(buffer);
        return new ReceivedDatagram(datagram.Length, (IPEndPoint)RemoteEndPoint!, Truncated: false);
    }

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposeCount) == 1)
        {
            _incoming.Writer.Complete();
            _disposed.SetResult();
        }

        return disposeError is null ? ValueTask.CompletedTask : throw disposeError;
    }
}
