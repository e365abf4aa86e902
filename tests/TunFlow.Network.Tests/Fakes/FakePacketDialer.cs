using System.Net;
using System.Threading.Channels;

namespace TunFlow.Network.Tests;

/// <summary>A connected datagram socket whose peer is the test.</summary>
internal sealed class FakePacketDialer : IPacketDialer, IConnectedPacketConnection
{
    private readonly Channel<Func<Memory<byte>, ReceivedDatagram>> _incoming = Channel.CreateUnbounded<Func<Memory<byte>, ReceivedDatagram>>();
    private readonly Channel<byte[]> _outgoing = Channel.CreateUnbounded<byte[]>();
    private int _disposeCount;
    private int _sent;

    public List<EndPoint> Dialled { get; } = [];

    public Func<CancellationToken, ValueTask>? OnDial { get; set; }

    public Func<byte[], CancellationToken, ValueTask>? OnSend { get; set; }

    /// <summary>What a receive gives at once, whatever its token says.</summary>
    public Func<Memory<byte>, ReceivedDatagram>? OnReceive { get; set; }

    public int DisposeCount => Volatile.Read(ref _disposeCount);

    public int Sent => Volatile.Read(ref _sent);

    public EndPoint? LocalEndPoint => null;

    public EndPoint? RemoteEndPoint => null;

    public void Answers(byte[] payload, bool truncated = false) => _incoming.Writer.TryWrite(buffer =>
    {
        payload.CopyTo(buffer);
        return new ReceivedDatagram(payload.Length, null, truncated);
    });

    public void FailsToReceive(Exception exception) => _incoming.Writer.TryWrite(_ => throw exception);

    /// <summary>The next datagram that was sent.</summary>
    public async Task<byte[]> NextAsync() => await _outgoing.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));

    public async ValueTask<IConnectedPacketConnection> DialPacketAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        Dialled.Add(remote);
        if (OnDial is { } onDial)
        {
            await onDial(cancellationToken);
        }

        return this;
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        if (OnSend is { } onSend)
        {
            await onSend(payload.ToArray(), cancellationToken);
        }

        Interlocked.Increment(ref _sent);
        _outgoing.Writer.TryWrite(payload.ToArray());
    }

    public async ValueTask<ReceivedDatagram> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        OnReceive is { } onReceive ? onReceive(buffer) : (await _incoming.Reader.ReadAsync(cancellationToken))(buffer);

    public ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposeCount);
        return ValueTask.CompletedTask;
    }
}
