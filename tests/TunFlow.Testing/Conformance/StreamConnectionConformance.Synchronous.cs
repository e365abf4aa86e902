using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>The older members of Stream, which users of a connection as a Stream call.</content>
public abstract partial class StreamConnectionConformance
{
    [Test]
    public async Task SingleBytesAreReadAndWritten()
    {
        await Task.Run(() =>
        {
            Subject.WriteByte(201);
            Subject.Write([202]);
        }).WaitAsync(Limit).ConfigureAwait(false);
        byte[] received = new byte[2];
        await Peer.ReadExactlyAsync(received, Patience).ConfigureAwait(false);
        Assert.That(received, Is.EqualTo(new byte[] { 201, 202 }));
        await Peer.WriteAsync(received, Patience).ConfigureAwait(false);
        await Peer.CompleteWritesAsync(Patience).ConfigureAwait(false);
        int[] read = await Task.Run(() => new[] { Subject.ReadByte(), Subject.ReadByte(), Subject.ReadByte() }).WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(read, Is.EqualTo(new[] { 201, 202, -1 }));
    }

    [Test]
    public async Task BeginAndEndReadAndWriteWithoutBlockingEachOther()
    {
        byte[] buffer = new byte[10];
        TaskCompletionSource<object?> called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        object state = new();
        IAsyncResult read = Subject.BeginRead(buffer, 2, 5, result => called.TrySetResult(result.AsyncState), state);
        IAsyncResult write = Subject.BeginWrite([7, 8, 9], 1, 2, callback: null, state: null);
        await Task.Run(() => Subject.EndWrite(write)).WaitAsync(Limit).ConfigureAwait(false);
        byte[] received = new byte[2];
        await Peer.ReadExactlyAsync(received, Patience).ConfigureAwait(false);
        Assert.That(received, Is.EqualTo(new byte[] { 8, 9 }));
        await Peer.WriteAsync(received, Patience).ConfigureAwait(false);
        Assert.That(await called.Task.WaitAsync(Limit).ConfigureAwait(false), Is.SameAs(state));
        int count = Subject.EndRead(read);
        Assert.That(buffer.AsSpan(2, count).ToArray(), Is.EqualTo(new byte[] { 8, 9 }.AsSpan(0, count).ToArray()).And.Not.Empty);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task CopyingGoesToTheEndOfTheStream(bool synchronously)
    {
        byte[] data = StreamTransfer.Bytes(500_000, 20);
        Task send = StreamTransfer.SendAsync(Peer, data, complete: true, Patience);
        using MemoryStream copy = new();
        Task copying = synchronously ? Task.Run(() => Subject.CopyTo(copy)) : Subject.CopyToAsync(copy, Patience);
        await copying.WaitAsync(Limit).ConfigureAwait(false);
        await send.ConfigureAwait(false);
        Assert.That(StreamTransfer.Sha256(copy.ToArray()), Is.EqualTo(StreamTransfer.Sha256(data)));
        Assert.That(await Subject.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
    }

    [Test]
    public async Task ReadingExactlyMoreThanThereIsThrowsEndOfStream()
    {
        await Peer.WriteAsync(new byte[10], Patience).ConfigureAwait(false);
        await Peer.CompleteWritesAsync(Patience).ConfigureAwait(false);
        await CatchAsync<EndOfStreamException>(() => Subject.ReadExactlyAsync(new byte[11], Patience).AsTask()).ConfigureAwait(false);
    }

    [Test]
    public void ArraysAreCheckedBeforeAnythingHappens()
    {
        Assert.That(() => Subject.Read(null!, 0, 0), Throws.ArgumentNullException);
        Assert.That(() => Subject.Read(new byte[1], 1, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Subject.Write(null!, 0, 0), Throws.ArgumentNullException);
        Assert.That(() => Subject.Write(new byte[1], -1, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Subject.CopyTo(null!), Throws.ArgumentNullException);
    }

    [Test]
    public async Task SynchronousCallsOfADisposedConnectionThrowObjectDisposed()
    {
        Task<int> read = Task.Run(() => Subject.Read(new byte[1], 0, 1));
        await Task.Delay(20).ConfigureAwait(false);
        Subject.Dispose();
        await CatchAsync<ObjectDisposedException>(() => read).ConfigureAwait(false);
        Assert.That(() => Subject.ReadByte(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => Subject.Write(new byte[1]), Throws.TypeOf<ObjectDisposedException>());
    }
}
