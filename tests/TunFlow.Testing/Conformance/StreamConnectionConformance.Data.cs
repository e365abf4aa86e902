using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>Data and half-closes.</content>
public abstract partial class StreamConnectionConformance
{
    private const int Megabyte = 1024 * 1024;

    [Test]
    public async Task FullDuplexEchoOfTenMegabytesIsByteExact()
    {
        byte[] data = StreamTransfer.Bytes(10 * Megabyte, 1);
        Task echo = EchoAsync(Peer);
        Task send = StreamTransfer.SendAsync(Subject, data, complete: true, Patience);
        (long length, string hash) = await StreamTransfer.ReceiveToEndAsync(Subject, Patience).ConfigureAwait(false);
        await send.ConfigureAwait(false);
        await echo.ConfigureAwait(false);
        Assert.That(length, Is.EqualTo(data.Length));
        Assert.That(hash, Is.EqualTo(StreamTransfer.Sha256(data)));
    }

    [Test]
    public async Task AfterTheSubjectsHalfCloseThePeerStillSends()
    {
        byte[] data = StreamTransfer.Bytes(Megabyte, 2);
        await Subject.WriteAsync("request"u8.ToArray(), Patience).ConfigureAwait(false);
        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        (long requestLength, _) = await StreamTransfer.ReceiveToEndAsync(Peer, Patience).ConfigureAwait(false);
        Assert.That(requestLength, Is.EqualTo(7));
        Task send = StreamTransfer.SendAsync(Peer, data, complete: true, Patience);
        (long length, string hash) = await StreamTransfer.ReceiveToEndAsync(Subject, Patience).ConfigureAwait(false);
        await send.ConfigureAwait(false);
        Assert.That((length, hash), Is.EqualTo((data.Length, StreamTransfer.Sha256(data))));
    }

    [Test]
    public async Task AfterThePeersHalfCloseTheSubjectStillSends()
    {
        byte[] data = StreamTransfer.Bytes(Megabyte, 3);
        await Peer.CompleteWritesAsync(Patience).ConfigureAwait(false);
        Assert.That(await Subject.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
        Task send = StreamTransfer.SendAsync(Subject, data, complete: true, Patience);
        (long length, string hash) = await StreamTransfer.ReceiveToEndAsync(Peer, Patience).ConfigureAwait(false);
        await send.ConfigureAwait(false);
        Assert.That((length, hash), Is.EqualTo((data.Length, StreamTransfer.Sha256(data))));
    }

    [Test]
    public async Task EndOfStreamIsReadAgainAndAgain()
    {
        await Peer.WriteAsync(new byte[] { 1, 2, 3 }, Patience).ConfigureAwait(false);
        await Peer.CompleteWritesAsync(Patience).ConfigureAwait(false);
        byte[] buffer = new byte[10];
        Assert.That(await Subject.ReadAtLeastAsync(buffer, 10, throwOnEndOfStream: false, Patience).ConfigureAwait(false), Is.EqualTo(3));
        for (int i = 0; i < 3; i++)
        {
            Assert.That(await Subject.ReadAsync(buffer, Patience).ConfigureAwait(false), Is.Zero);
        }
    }

    [Test]
    public async Task CompletingWritesTwiceIsAllowedAndWritingAfterwardsIsNot()
    {
        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        await CatchAsync<InvalidOperationException>(() => Subject.WriteAsync(new byte[1]).AsTask()).ConfigureAwait(false);
        Assert.That(await Peer.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
    }

    [Test]
    public async Task ZeroByteWriteSendsNothing()
    {
        await Subject.WriteAsync(ReadOnlyMemory<byte>.Empty, Patience).ConfigureAwait(false);
        await AssertAliveAsync(11).ConfigureAwait(false);
    }

    [Test]
    public async Task ZeroByteReadWaitsForDataAndTakesNone()
    {
        Task<int> wait = Subject.ReadAsync(Memory<byte>.Empty, Patience).AsTask();
        if (Subject.CanWaitForData)
        {
            await Task.Delay(50).ConfigureAwait(false);
            Assert.That(wait.IsCompleted, Is.False);
        }

        await Peer.WriteAsync(new byte[] { 42 }, Patience).ConfigureAwait(false);
        Assert.That(await wait.WaitAsync(Limit).ConfigureAwait(false), Is.Zero);
        byte[] buffer = new byte[1];
        Assert.That(await Subject.ReadAsync(buffer, Patience).ConfigureAwait(false), Is.EqualTo(1));
        Assert.That(buffer[0], Is.EqualTo(42));
    }

    [Test]
    public async Task ZeroByteReadCompletesAtTheEnd()
    {
        Task<int> wait = Subject.ReadAsync(Memory<byte>.Empty, Patience).AsTask();
        await Peer.CompleteWritesAsync(Patience).ConfigureAwait(false);
        Assert.That(await wait.WaitAsync(Limit).ConfigureAwait(false), Is.Zero);
        Assert.That(await Subject.ReadAsync(new byte[1], Patience).ConfigureAwait(false), Is.Zero);
    }

    [Test]
    public async Task SynchronousCallsWorkWhileTheOtherDirectionIsBusy()
    {
        byte[] data = StreamTransfer.Bytes(200_000, 4);
        Task echo = EchoAsync(Peer);
        byte[] received = new byte[data.Length];
        Task read = Task.Run(() =>
        {
            int total = 0;
            while (total < received.Length)
            {
                int count = Subject.Read(received, total, received.Length - total);
                Assert.That(count, Is.Positive);
                total += count;
            }
        });
        await Task.Run(() =>
        {
            Subject.Write(data.AsSpan(0, 1));
            Subject.Write(data, 1, data.Length - 1);
            Subject.Flush();
        }).WaitAsync(Limit).ConfigureAwait(false);
        await read.WaitAsync(Limit).ConfigureAwait(false);
        await Subject.CompleteWritesAsync(Patience).ConfigureAwait(false);
        await echo.WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(StreamTransfer.Sha256(received), Is.EqualTo(StreamTransfer.Sha256(data)));
    }

    [Test]
    public void PropertiesSayWhatItIs()
    {
        Assert.That((Subject.CanRead, Subject.CanWrite, Subject.CanSeek), Is.EqualTo((true, true, false)));
        Assert.That(() => Subject.Length, Throws.TypeOf<NotSupportedException>());
        Assert.That(() => Subject.Position, Throws.TypeOf<NotSupportedException>());
        Assert.That(() => Subject.Seek(0, SeekOrigin.Begin), Throws.TypeOf<NotSupportedException>());
        Assert.That(() => Subject.SetLength(0), Throws.TypeOf<NotSupportedException>());
    }

    private async Task EchoAsync(StreamConnection connection)
    {
        byte[] buffer = new byte[64 * 1024];
        int read;
        while ((read = await connection.ReadAsync(buffer, Patience).ConfigureAwait(false)) > 0)
        {
            await connection.WriteAsync(buffer.AsMemory(0, read), Patience).ConfigureAwait(false);
        }

        await connection.CompleteWritesAsync(Patience).ConfigureAwait(false);
    }
}
