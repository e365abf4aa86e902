using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>An echoing upstream that tells of each call before it goes on.</summary>
internal sealed class HookedUpstream : StreamConnection
{
    private readonly HookedWorld _world;
    private int _disposals;

    public HookedUpstream(HookedWorld world)
    {
        _world = world;
        _ = EchoAsync(Inner);
    }

    public FakeUpstream Inner { get; } = new();

    public int Disposals => Volatile.Read(ref _disposals);

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanWaitForData => true;

    public override EndPoint? LocalEndPoint => null;

    public override EndPoint? RemoteEndPoint => null;

    public override Task ReadsClosed => Task.CompletedTask;

    public override Task WritesClosed => Task.CompletedTask;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _world.Call(buffer.IsEmpty ? CallPlace.UpstreamWait : CallPlace.UpstreamRead, this);
        return Inner.ReadAsync(buffer, cancellationToken);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _world.Call(CallPlace.UpstreamWrite, this);
        return Inner.WriteAsync(buffer, cancellationToken);
    }

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default)
    {
        _world.Call(CallPlace.UpstreamCompleteWrites, this);
        return Inner.CompleteWritesAsync(cancellationToken);
    }

    public override void AbortReads() => Inner.AbortReads();

    public override void Abort()
    {
        // First, as a connection of an application would: whatever it throws afterwards, it is over.
        Inner.Abort();
        _world.Call(CallPlace.UpstreamAbort, this);
    }

    public override async ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposals);
        await Inner.DisposeAsync();
        _world.Call(CallPlace.UpstreamDispose, this);
    }

    private static async Task EchoAsync(FakeUpstream inner)
    {
        while (true)
        {
            System.IO.Pipelines.ReadResult result = await inner.Received.ReadAsync();
            foreach (ReadOnlyMemory<byte> segment in result.Buffer)
                await inner.Answers.WriteAsync(segment);
            inner.Received.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                break;
        }

        await inner.Answers.CompleteAsync();
    }
}
