using System.Net;
using System.Threading.Channels;
using TunFlow.Network;

namespace TunFlow.Testing;

/// <summary>The application's side of a packet session: keeps what it gets and does what a test wants.</summary>
public sealed class ConformanceReceiver : IPacketErrorReceiver
{
    private readonly Channel<(byte[] Payload, IPEndPoint Source)> _received = Channel.CreateUnbounded<(byte[] Payload, IPEndPoint Source)>();
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposals;

    /// <summary>Runs before a delivery is kept, or instead of it by throwing.</summary>
    public Func<ReadOnlyMemory<byte>, ValueTask>? OnWrite { get; set; }

    /// <summary>Runs within the disposal.</summary>
    public Func<ValueTask>? OnDispose { get; set; }

    /// <summary>How often it was disposed.</summary>
    public int Disposals => Volatile.Read(ref _disposals);

    /// <summary>Completes when the disposal begins.</summary>
    public Task Disposed => _disposed.Task;

    /// <summary>How many deliveries nobody has taken.</summary>
    public int Waiting => _received.Reader.Count;

    /// <summary>The next delivery.</summary>
    public async Task<(byte[] Payload, IPEndPoint Source)> NextAsync()
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(20));
        return await _received.Reader.ReadAsync(limit.Token).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Disposals > 0, this);
        if (OnWrite is { } onWrite)
        {
            Task action = onWrite(payload).AsTask();
            await Task.WhenAny(action, Disposed).WaitAsync(cancellationToken).ConfigureAwait(false);
            ObjectDisposedException.ThrowIf(!action.IsCompleted, this);
            await action.ConfigureAwait(false);
        }

        _received.Writer.TryWrite((payload.ToArray(), source));
    }

    /// <inheritdoc/>
    public ValueTask ReportUnreachableAsync(NetworkError error, IPEndPoint destination, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposals);
        _disposed.TrySetResult();
        if (OnDispose is { } onDispose)
        {
            await onDispose().ConfigureAwait(false);
        }
    }
}
