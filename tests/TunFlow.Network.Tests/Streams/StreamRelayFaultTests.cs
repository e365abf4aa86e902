using System.Net;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Connections of somebody else's making, which throw from anything.</summary>
[SideBySide]
internal sealed class StreamRelayFaultTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    [TestCase(nameof(Stream.ReadAsync))]
    [TestCase(nameof(Stream.WriteAsync))]
    [TestCase(nameof(StreamConnection.CompleteWritesAsync))]
    [TestCase(nameof(StreamConnection.WritesClosed))]
    [TestCase(nameof(StreamConnection.CanWaitForData))]
    public async Task WhateverThrowsEndsTheRelayWithThatErrorAndAborts(string member)
    {
        (Socket near, Socket far) = await TcpLoopback.ConnectSocketsAsync();
        await using StreamConnection sound = StreamConnection.Create(near);
        await using StreamConnection peer = StreamConnection.Create(far);
        await using ThrowingConnection broken = new(member);
        await peer.WriteAsync(new byte[1]);
        await peer.CompleteWritesAsync();
        StreamRelayResult result = await StreamRelay.RunAsync(sound, broken).WaitAsync(s_limit);
        Assert.That(result.Error, Is.TypeOf<NotImplementedException>().With.Message.EqualTo(member));
        Assert.That((broken.Aborts, sound.CanRead), Is.EqualTo((1, false)));
        Assert.That((await Assert.ThrowsAsync<NetworkException>(() => peer.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit))).Error, Is.EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public async Task AnAbortThatThrowsDoesNotKeepTheOtherConnectionOpen()
    {
        (Socket near, Socket far) = await TcpLoopback.ConnectSocketsAsync();
        await using StreamConnection sound = StreamConnection.Create(near);
        await using StreamConnection peer = StreamConnection.Create(far);
        await using ThrowingConnection broken = new(nameof(StreamConnection.Abort));
        using CancellationTokenSource cancel = new();
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(broken, sound, cancel.Token);
        await cancel.CancelAsync();
        StreamRelayResult result = await relay.WaitAsync(s_limit);
        Assert.That(((AggregateException)result.Error!).InnerExceptions.Select(inner => inner.GetType()), Is.EqualTo(new[] { typeof(OperationCanceledException), typeof(NotImplementedException) }));
        Assert.That(sound.CanRead, Is.False);
    }

    [Test]
    public async Task AnEndlessSourceThatNeverWaitsDoesNotKeepTheOtherDirectionFromStarting()
    {
        await using EndlessConnection first = new();
        await using EndlessConnection second = new();
        using CancellationTokenSource cancel = new();
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(first, second, cancel.Token);
        await Eventually.IsAsync(() => first.Written > 0 && second.Written > 0, "both directions moved");
        await cancel.CancelAsync();
        StreamRelayResult result = await relay.WaitAsync(s_limit);
        Assert.That((result.FirstToSecond, result.SecondToFirst), Is.EqualTo((second.Written, first.Written)));
    }

    /// <summary>Reads wait until it is aborted, writes go nowhere, and one member throws.</summary>
    private class ThrowingConnection(string member) : StreamConnection
    {
        private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _aborts;

        public int Aborts => _aborts;

        public override EndPoint? LocalEndPoint => null;

        public override EndPoint? RemoteEndPoint => null;

        public override Task ReadsClosed => _aborted.Task;

        public override Task WritesClosed => Throw(nameof(WritesClosed)) ?? _aborted.Task;

        public override bool CanWaitForData => Throw(nameof(CanWaitForData)) is null;

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default) => new(Throw(nameof(CompleteWritesAsync)) ?? Task.CompletedTask);

        public override void AbortReads()
        {
        }

        public override void Abort()
        {
            Interlocked.Increment(ref _aborts);
            _aborted.TrySetResult();
            _ = Throw(nameof(Abort));
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _ = Throw(nameof(ReadAsync));
            await _aborted.Task;
            throw new ObjectDisposedException(nameof(ThrowingConnection));
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => new(Throw(nameof(WriteAsync)) ?? Task.CompletedTask);

        private Task? Throw(string called) => called == member ? throw new NotImplementedException(member) : null;
    }

    private sealed class EndlessConnection() : ThrowingConnection(string.Empty)
    {
        private long _written;

        public long Written => Volatile.Read(ref _written);

        public override bool CanWaitForData => false;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => Aborts == 0
            ? ValueTask.FromResult(buffer.Length)
            : throw new ObjectDisposedException(nameof(EndlessConnection));

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Volatile.Write(ref _written, _written + buffer.Length);
            return ValueTask.CompletedTask;
        }
    }
}
