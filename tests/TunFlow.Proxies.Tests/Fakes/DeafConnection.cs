using System.Net;

namespace TunFlow.Proxies.Tests;

/// <summary>A connection that breaks its contract: it doesn't heed tokens.</summary>
internal sealed class DeafConnection(StreamConnection inner) : StreamConnection
{
    public override bool CanRead => inner.CanRead;

    public override bool CanWrite => inner.CanWrite;

    public override EndPoint? LocalEndPoint => inner.LocalEndPoint;

    public override EndPoint? RemoteEndPoint => inner.RemoteEndPoint;

    public override Task ReadsClosed => inner.ReadsClosed;

    public override Task WritesClosed => inner.WritesClosed;

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default) => inner.CompleteWritesAsync(CancellationToken.None);

    public override void AbortReads() => inner.AbortReads();

    public override void Abort() => inner.Abort();

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, CancellationToken.None);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, CancellationToken.None);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
