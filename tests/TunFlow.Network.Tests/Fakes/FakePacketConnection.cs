using System.Net;
using System.Threading.Channels;

namespace TunFlow.Network.Tests;

/// <summary>A datagram socket whose receives are scripted and whose sends are recorded.</summary>
internal sealed class FakePacketConnection : IPacketConnection
{
    private readonly Channel<Func<Memory<byte>, ReceivedDatagram>> _incoming = Channel.CreateUnbounded<Func<Memory<byte>, ReceivedDatagram>>();
    private int _disposeCount;

    public List<(byte[] Payload, IPEndPoint Destination)> Sent { get; } = [];

    public Exception? SendError { get; set; }

    public int DisposeCount => Volatile.Read(ref _disposeCount);

    public EndPoint? LocalEndPoint => null;

    public void Receives(byte[] payload, IPEndPoint? source, bool truncated = false) => _incoming.Writer.TryWrite(buffer =>
    {
        payload.CopyTo(buffer);
        return new ReceivedDatagram(payload.Length, source, truncated);
    });

    public void FailsToReceive(Exception exception) => _incoming.Writer.TryWrite(_ => throw exception);

    public ValueTask SendToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(DisposeCount > 0, this);
        if (SendError is { } error)
        {
            throw error;
        }

        lock (Sent)
        {
            Sent.Add((payload.ToArray(), destination));
        }

        return ValueTask.CompletedTask;
    }

    public async ValueTask<ReceivedDatagram> ReceiveFromAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return (await _incoming.Reader.ReadAsync(cancellationToken))(buffer);
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(FakePacketConnection));
        }
    }

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposeCount) == 1)
        {
            _incoming.Writer.Complete();
        }

        return ValueTask.CompletedTask;
    }
}
