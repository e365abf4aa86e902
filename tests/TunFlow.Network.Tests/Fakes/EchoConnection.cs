using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;

namespace TunFlow.Network.Tests;

/// <summary>A socket of an <see cref="EchoListener"/>.</summary>
internal sealed class EchoConnection(EchoListener listener) : IPacketConnection
{
    private readonly Channel<(byte[] Payload, IPEndPoint Source)> _incoming = Channel.CreateUnbounded<(byte[] Payload, IPEndPoint Source)>();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposals;

    public int Disposals => Volatile.Read(ref _disposals);

    public ConcurrentQueue<(byte[] Payload, IPEndPoint Destination)> Sent { get; } = new();

    public EndPoint? LocalEndPoint => null;

    public void Receives(byte[] payload, IPEndPoint source) => _incoming.Writer.TryWrite((payload, source));

    public void End()
    {
        _ended.TrySetResult();
        _incoming.Writer.TryComplete();
    }

    public async ValueTask SendToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfEnded();
        if (listener.Gate is { } gate)
        {
            await Task.WhenAny(gate.Task, _ended.Task).WaitAsync(cancellationToken);
            ThrowIfEnded();
        }

        Sent.Enqueue((payload.ToArray(), destination));
        _incoming.Writer.TryWrite((EchoListener.Answer(payload.Span), destination));
    }

    public async ValueTask<ReceivedDatagram> ReceiveFromAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            (byte[] payload, IPEndPoint source) = await _incoming.Reader.ReadAsync(cancellationToken);
            payload.CopyTo(buffer);
            return new ReceivedDatagram(payload.Length, source, false);
        }
        catch (ChannelClosedException)
        {
            ThrowIfEnded();
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposals);
        End();
        return ValueTask.CompletedTask;
    }

    private void ThrowIfEnded()
    {
        ObjectDisposedException.ThrowIf(Disposals > 0, this);
        if (_ended.Task.IsCompleted)
        {
            throw new NetworkException(NetworkError.Closed);
        }
    }
}
