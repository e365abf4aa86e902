namespace TunFlow.Network.Tests;

/// <summary>The smallest transformation: flips bits on the way in and out. Its writes are held back until the flush.</summary>
internal sealed class XorStream(Stream inner, byte key) : Stream
{
    private readonly MemoryStream _held = new();
    private int _disposals;

    public int Disposals => _disposals;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Flush() => throw new NotSupportedException();

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        // What is cancelled here was sent in part: it isn't sent again.
        byte[] held = _held.ToArray();
        _held.SetLength(0);
        await inner.WriteAsync(held, cancellationToken);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer, cancellationToken);
        Apply(buffer.Span[..read]);
        return read;
    }

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        byte[] copy = buffer.ToArray();
        Apply(copy);
        _held.Write(copy);
        return ValueTask.CompletedTask;
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        Interlocked.Increment(ref _disposals);
        base.Dispose(disposing);
    }

    private void Apply(Span<byte> bytes)
    {
        foreach (ref byte value in bytes)
        {
            value ^= key;
        }
    }
}
