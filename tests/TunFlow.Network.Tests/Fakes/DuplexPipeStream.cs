using System.IO.Pipelines;

namespace TunFlow.Network.Tests;

/// <summary>Two pipes as a stream that half-closes and resets.</summary>
internal sealed class DuplexPipeStream(PipeReader input, PipeWriter output) : Stream
{
    private readonly Stream _input = input.AsStream(leaveOpen: true);

    public static (StreamConnection First, StreamConnection Second) Connect()
    {
        PipeOptions options = new(useSynchronizationContext: false);
        Pipe there = new(options);
        Pipe back = new(options);
        return (Adapt(new DuplexPipeStream(back.Reader, there.Writer)), Adapt(new DuplexPipeStream(there.Reader, back.Writer)));
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Flush() => throw new NotSupportedException();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _input.ReadAsync(buffer, cancellationToken);

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        FlushResult result = await output.WriteAsync(buffer, cancellationToken);
        if (result.IsCompleted)
        {
            // Nobody reads that pipe any more, which is what a socket would be told by an RST.
            throw Reset();
        }
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            output.Complete();
            input.Complete();
        }

        base.Dispose(disposing);
    }

    private static StreamConnection Adapt(DuplexPipeStream stream) => StreamConnection.Create(stream, new StreamConnectionOptions
    {
        CompleteWrites = _ => stream.CompleteAsync(null),
        Abort = () =>
        {
            stream.Complete(Reset());
        },
    });

    private static NetworkException Reset() => new(NetworkError.ConnectionReset);

    private ValueTask CompleteAsync(Exception? exception) => output.CompleteAsync(exception);

    private void Complete(Exception exception)
    {
        output.Complete(exception);
        input.Complete();
    }
}
