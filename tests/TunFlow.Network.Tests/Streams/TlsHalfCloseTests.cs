using System.Net.Security;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>close_notify while somebody reads, which is what a relay does all the time.</summary>
internal sealed class TlsHalfCloseTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Test]
    public async Task ARelayOfTlsConnectionsPassesHalfClosesWhileItReads()
    {
        (StreamConnection client, StreamConnection first) = await TlsLoopback.ConnectAsync();
        (StreamConnection second, StreamConnection server) = await TlsLoopback.ConnectAsync();
        using CancellationTokenSource patience = new(s_limit);
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(first, second);

        // Both directions of the relay wait in a read before anything ends.
        await client.WriteAsync(new byte[10], patience.Token);
        await server.ReadExactlyAsync(new byte[10], patience.Token);
        await client.CompleteWritesAsync(patience.Token);
        Assert.That(await server.ReadAsync(new byte[1], patience.Token), Is.Zero);
        byte[] answer = StreamTransfer.Bytes(500_000, 30);
        Task send = StreamTransfer.SendAsync(server, answer, complete: true, patience.Token);
        Assert.That(await StreamTransfer.ReceiveToEndAsync(client, patience.Token), Is.EqualTo(((long)answer.Length, StreamTransfer.Sha256(answer))));
        await send;
        Assert.That(await relay.WaitAsync(s_limit), Is.EqualTo(new StreamRelayResult(10, answer.Length, null)));
        foreach (StreamConnection connection in new[] { client, first, second, server })
        {
            await connection.DisposeAsync();
        }
    }

    [Test]
    public async Task ThePendingReadGoesOnAfterTheHalfClose()
    {
        (StreamConnection client, StreamConnection server) = await TlsLoopback.ConnectAsync();
        byte[] buffer = new byte[10];
        for (int round = 0; round < 2; round++)
        {
            Task<int> read = client.ReadAsync(buffer).AsTask();
            await client.CompleteWritesAsync().AsTask().WaitAsync(s_limit);
            await client.WritesClosed.WaitAsync(s_limit);
            Assert.That(read.IsCompleted, Is.False);
            await server.WriteAsync(new byte[] { 5, 6 });
            Assert.That(await read.WaitAsync(s_limit), Is.EqualTo(2));
        }

        Assert.That(await server.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit), Is.Zero);
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Test]
    public async Task OverATransportThatIgnoresTokensTheHalfCloseWaitsForThePeerUntilCancelledOrAborted()
    {
        (StreamConnection client, StreamConnection server) = await ConnectAsync(stream => new TokenBlindStream(stream));
        Task<int> read = client.ReadAsync(new byte[10]).AsTask();
        using CancellationTokenSource cancel = new();
        Task half = client.CompleteWritesAsync(cancel.Token).AsTask();
        Assert.That(half.IsCompleted, Is.False);
        await cancel.CancelAsync();
        Assert.That((await Assert.CatchAsync<OperationCanceledException>(() => half.WaitAsync(s_limit)))!.CancellationToken, Is.EqualTo(cancel.Token));

        // What is on its way can't be called back: no record may follow it, and half-closing again waits for the same.
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await client.WriteAsync(new byte[1]));
        Task again = client.CompleteWritesAsync().AsTask();
        Assert.That(again.IsCompleted, Is.False);
        await server.WriteAsync(new byte[3]);
        Assert.That(await read.WaitAsync(s_limit), Is.EqualTo(3));
        await again.WaitAsync(s_limit);
        Assert.That(await server.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit), Is.Zero);
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Test]
    public async Task DisposingEndsAHalfCloseThatWaitsForEver()
    {
        (StreamConnection client, StreamConnection server) = await ConnectAsync(stream => new TokenBlindStream(stream) { IgnoresDisposal = true });
        Task<int> read = client.ReadAsync(new byte[10]).AsTask();
        Task half = client.CompleteWritesAsync().AsTask();
        Assert.That(half.IsCompleted, Is.False);
        await client.DisposeAsync().AsTask().WaitAsync(s_limit);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => half.WaitAsync(s_limit));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => read.WaitAsync(s_limit));
        await server.DisposeAsync();
    }

    [Test]
    public async Task AGoodbyeThatIsSentLeavesNoTimerBehind()
    {
        ManualTimeProvider clock = new();
        TaskCompletionSource open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        GatedStream gated = null!;
        (StreamConnection client, StreamConnection server) = await ConnectAsync(stream => gated = new GatedStream(stream), clock);
        gated.Gate = open.Task;
        await client.DisposeAsync();
        Assert.That(clock.ActiveTimers, Is.EqualTo(1), "The linger.");
        open.SetResult();
        Assert.That(await server.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit), Is.Zero);
        await Eventually.IsAsync(() => clock.ActiveTimers == 0, "the timer is gone");
        await server.DisposeAsync();
    }

    private static async Task<(StreamConnection Client, StreamConnection Server)> ConnectAsync(Func<Stream, Stream> carrier, TimeProvider? clock = null)
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        (SslStream clientTls, SslStream serverTls) = await TlsLoopback.AuthenticateAsync(
            carrier(new NetworkStream(client, ownsSocket: true)), new NetworkStream(server, ownsSocket: true));
        return (StreamConnection.Create(clientTls, new StreamConnectionOptions { TimeProvider = clock ?? TimeProvider.System }), StreamConnection.Create(serverTls));
    }
}
