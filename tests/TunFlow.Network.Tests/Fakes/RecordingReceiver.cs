using System.Net;
using System.Threading.Channels;

namespace TunFlow.Network.Tests;

/// <summary>The application's side of a packet session: keeps what it gets.</summary>
internal sealed class RecordingReceiver : IPacketResponseReceiver
{
    private readonly Channel<(byte[] Payload, IPEndPoint Source)> _received = Channel.CreateUnbounded<(byte[] Payload, IPEndPoint Source)>();
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposeCount;

    public Func<ReadOnlyMemory<byte>, ValueTask>? OnWrite { get; set; }

    public Func<ValueTask>? OnDispose { get; set; }

    public int DisposeCount => Volatile.Read(ref _disposeCount);

    public Task Disposed => _disposed.Task;

    public int Waiting => _received.Reader.Count;

    public async Task<(byte[] Payload, IPEndPoint Source)> NextAsync()
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(10));
        return await _received.Reader.ReadAsync(limit.Token);
    }

    public async ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
    {
        if (OnWrite is { } onWrite)
        {
            await onWrite(payload);
        }

        _received.Writer.TryWrite((payload.ToArray(), source));
    }

    public async ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposeCount);
        if (OnDispose is { } onDispose)
        {
            await onDispose();
        }

        _disposed.TrySetResult();
    }
}
