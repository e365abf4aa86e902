using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

[SideBySide]
[TestFixture(true)]
[TestFixture(false)]
internal sealed class StreamRelayTests(bool canWait)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    private StreamConnection _client = null!;
    private StreamConnection _first = null!;
    private StreamConnection _second = null!;
    private StreamConnection _server = null!;
    private CancellationTokenSource _patience = null!;

    [SetUp]
    public async Task ConnectAsync()
    {
        _patience = new CancellationTokenSource(s_limit);
        (_client, _first) = await PairAsync();
        (_second, _server) = await PairAsync();
    }

    [TearDown]
    public async Task DisconnectAsync()
    {
        foreach (StreamConnection connection in new[] { _client, _first, _second, _server })
        {
            await connection.DisposeAsync();
        }

        _patience.Dispose();
    }

    [Test]
    public async Task BothDirectionsAreByteExactAndHalfClosesPass()
    {
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(_first, _second);
        byte[] up = StreamTransfer.Bytes(3_000_000, 1);
        byte[] down = StreamTransfer.Bytes(2_000_000, 2);
        Task sendUp = StreamTransfer.SendAsync(_client, up, complete: true, _patience.Token);
        (long Length, string Hash) atServer = await StreamTransfer.ReceiveToEndAsync(_server, _patience.Token);
        await sendUp;
        Assert.That(atServer, Is.EqualTo(((long)up.Length, StreamTransfer.Sha256(up))));
        Assert.That(relay.IsCompleted, Is.False);
        Task sendDown = StreamTransfer.SendAsync(_server, down, complete: true, _patience.Token);
        (long Length, string Hash) atClient = await StreamTransfer.ReceiveToEndAsync(_client, _patience.Token);
        await sendDown;
        Assert.That(atClient, Is.EqualTo(((long)down.Length, StreamTransfer.Sha256(down))));
        Assert.That(await relay.WaitAsync(s_limit), Is.EqualTo(new StreamRelayResult(up.Length, down.Length, null)));
    }

    [Test]
    public async Task AnErrorOnOneSideIsAResetOnTheOther()
    {
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(_first, _second);
        await _server.WriteAsync(new byte[1000], _patience.Token);
        await _client.ReadExactlyAsync(new byte[1000], _patience.Token);
        _server.Abort();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await _client.ReadExactlyAsync(new byte[1], _patience.Token));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.ConnectionReset));
        StreamRelayResult result = await relay.WaitAsync(s_limit);
        Assert.That(NetworkErrors.Is(result.Error, NetworkError.ConnectionReset), Is.True);
        Assert.That(result.SecondToFirst, Is.EqualTo(1000));
    }

    [Test]
    public async Task CancellingResetsBothSides()
    {
        using CancellationTokenSource cancel = new();
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(_first, _second, cancellationToken: cancel.Token);
        await cancel.CancelAsync();
        StreamRelayResult result = await relay.WaitAsync(s_limit);
        Assert.That(result.Error, Is.InstanceOf<OperationCanceledException>());
        Assert.That((await Assert.ThrowsAsync<NetworkException>(async () => await _client.ReadExactlyAsync(new byte[1], _patience.Token))).Error, Is.EqualTo(NetworkError.ConnectionReset));
        Assert.That((await Assert.ThrowsAsync<NetworkException>(async () => await _server.ReadExactlyAsync(new byte[1], _patience.Token))).Error, Is.EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public async Task AReaderThatStopsStopsTheWriterAndNothingIsLost()
    {
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(_first, _second);
        byte[] data = StreamTransfer.Bytes(40_000_000, 3);
        Task send = StreamTransfer.SendAsync(_client, data, complete: true, _patience.Token);
        await Task.Delay(300);
        Assert.That(send.IsCompleted, Is.False, "40 MB were taken although nobody reads");
        (long Length, string Hash) received = await StreamTransfer.ReceiveToEndAsync(_server, _patience.Token);
        await send;
        Assert.That(received, Is.EqualTo(((long)data.Length, StreamTransfer.Sha256(data))));
        await _server.CompleteWritesAsync(_patience.Token);
        Assert.That((await relay.WaitAsync(s_limit)).Error, Is.Null);
    }

    [Test]
    public async Task ConnectionsAreNotDisposed()
    {
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(_first, _second);
        await _client.CompleteWritesAsync(_patience.Token);
        await _server.CompleteWritesAsync(_patience.Token);
        await relay.WaitAsync(s_limit);
        Assert.That((_first.CanRead, _second.CanRead), Is.EqualTo((true, true)));
        Assert.That(await _first.ReadAsync(new byte[1], _patience.Token), Is.Zero);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task AResetAfterTheHalfCloseOfTheSameSideIsPassedOn(bool client)
    {
        (StreamConnection resetting, StreamConnection other) = client ? (_client, _server) : (_server, _client);
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(_first, _second);
        await resetting.CompleteWritesAsync(_patience.Token);
        Assert.That(await other.ReadAsync(new byte[1], _patience.Token), Is.Zero);
        resetting.Abort();

        // Without anybody reading the broken side only a write can meet the RST.
        await Assert.CatchAsync<NetworkException>(async () =>
        {
            while (true)
            {
                await other.WriteAsync(new byte[1000], _patience.Token);
                await Task.Delay(2, _patience.Token);
            }
        });
        Exception? error = (await relay.WaitAsync(s_limit)).Error;
        Assert.That(NetworkErrors.Is(error, NetworkError.ConnectionReset), Is.True, $"{error}");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task DisposingOneSideFromOutsideResetsTheOther(bool abort)
    {
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(_first, _second);
        if (abort)
        {
            _first.Abort();
        }
        else
        {
            await _first.DisposeAsync();
        }

        Assert.That(NetworkErrors.Is((await relay.WaitAsync(s_limit)).Error, NetworkError.Closed), Is.True);
        Assert.That((await Assert.ThrowsAsync<NetworkException>(async () => await _server.ReadExactlyAsync(new byte[1], _patience.Token))).Error, Is.EqualTo(NetworkError.ConnectionReset));
    }

    [Test]
    public async Task DisposingASideThatIsOnlyWrittenToIsNoticedThoughNothingIsWritten()
    {
        Task<StreamRelayResult> relay = StreamRelay.RunAsync(_first, _second);
        await _server.CompleteWritesAsync(_patience.Token);
        Assert.That(await _client.ReadAsync(new byte[1], _patience.Token), Is.Zero);
        await _second.DisposeAsync();
        Assert.That(NetworkErrors.Is((await relay.WaitAsync(s_limit)).Error, NetworkError.Closed), Is.True);
    }

    [Test]
    public async Task ATokenThatIsCancelledAlreadyAbortsBoth()
    {
        StreamRelayResult result = await StreamRelay.RunAsync(_first, _second, new CancellationToken(canceled: true)).WaitAsync(s_limit);
        Assert.That(result.Error, Is.InstanceOf<OperationCanceledException>());
        Assert.That((_first.CanRead, _second.CanRead), Is.EqualTo((false, false)));
    }

    [Test]
    public async Task WrongArgumentsAreRejected()
    {
        await Assert.ThrowsAsync<ArgumentNullException>(() => StreamRelay.RunAsync(null!, _second));
        await Assert.ThrowsAsync<ArgumentNullException>(() => StreamRelay.RunAsync(_first, null!));
        await Assert.ThrowsAsync<ArgumentException>(() => StreamRelay.RunAsync(_first, _first));
    }

    private async Task<(StreamConnection Outer, StreamConnection Inner)> PairAsync()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        StreamConnection inner = StreamConnection.Create(server);
        if (!canWait)
        {
            inner = StreamConnection.Create(new OpaqueStream(new NetworkStream(server, ownsSocket: true)), new StreamConnectionOptions
            {
                CompleteWrites = _ =>
                {
                    server.Shutdown(SocketShutdown.Send);
                    return ValueTask.CompletedTask;
                },
                Abort = () => server.Close(0),
            });
        }

        return (StreamConnection.Create(client), inner);
    }
}
