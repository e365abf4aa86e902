using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class StreamConnectionCreateTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Test]
    public async Task AConnectionIsTakenAsItIs()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        await using StreamConnection connection = StreamConnection.Create(client);
        await using StreamConnection other = StreamConnection.Create(server);
        Assert.That(StreamConnection.Create(connection), Is.SameAs(connection));
        IPEndPoint named = new(IPAddress.Loopback, 1);
        StreamConnection renamed = StreamConnection.Create(connection, new StreamConnectionOptions { RemoteEndPoint = named });
        Assert.That((renamed.RemoteEndPoint, renamed.LocalEndPoint, renamed.CanWaitForData), Is.EqualTo((named, connection.LocalEndPoint, true)));
        await renamed.CompleteWritesAsync();
        Assert.That(await other.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit), Is.Zero);
        await renamed.DisposeAsync();
        Assert.That(connection.CanRead, Is.False);
    }

    [Test]
    public async Task StreamsOfOneDirectionAndUnconnectedSocketsAreRejected()
    {
        Assert.That(() => StreamConnection.Create((Stream)null!), Throws.ArgumentNullException);
        Assert.That(() => StreamConnection.Create((Socket)null!), Throws.ArgumentNullException);
        await using MemoryStream readOnly = new(new byte[1], writable: false);
        Assert.That(() => StreamConnection.Create(readOnly), Throws.ArgumentException);
        using Socket datagram = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        Assert.That(() => StreamConnection.Create(datagram), Throws.ArgumentException);
        using Socket unconnected = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Assert.That(() => StreamConnection.Create(unconnected), Throws.ArgumentException);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task AResetThatAnotherCallWasToldIsNoEndOfTheStream(bool adapted)
    {
        Assume.That(OperatingSystem.IsLinux(), Is.True, "Elsewhere the state of a connection can't be asked for.");
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        await using StreamConnection connection = adapted ? StreamConnection.Create(new NetworkStream(client, ownsSocket: true)) : StreamConnection.Create(client);
        StreamConnection.Create(server).Abort();

        // Takes the error out of the socket, as a write that runs beside the read does.
        await Eventually.IsAsync(() => (int)client.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)! != 0, "the reset arrives");
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => connection.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.ConnectionReset));
        await Assert.ThrowsAsync<NetworkException>(() => connection.ReadsClosed.WaitAsync(s_limit));
    }

    [Test]
    public async Task WritesAreFlushed()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        await using StreamConnection connection = StreamConnection.Create(new BufferedStream(new NetworkStream(client, ownsSocket: true)));
        await using StreamConnection other = StreamConnection.Create(server);
        await connection.WriteAsync(new byte[3]);
        await other.ReadExactlyAsync(new byte[3]).AsTask().WaitAsync(s_limit);
    }

    [Test]
    public async Task TlsHalfClosesWithCloseNotifyAndGoesOnReading()
    {
        (StreamConnection client, StreamConnection server) = await TlsPairAsync();
        byte[] data = StreamTransfer.Bytes(1_000_000, 9);
        await client.WriteAsync("request"u8.ToArray());
        await client.CompleteWritesAsync();
        Assert.That((await StreamTransfer.ReceiveToEndAsync(server, CancellationToken.None).WaitAsync(s_limit)).Length, Is.EqualTo(7));
        Task send = StreamTransfer.SendAsync(server, data, complete: true, CancellationToken.None);
        (long Length, string Hash) received = await StreamTransfer.ReceiveToEndAsync(client, CancellationToken.None).WaitAsync(s_limit);
        await send;
        Assert.That(received, Is.EqualTo(((long)data.Length, StreamTransfer.Sha256(data))));
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Test]
    public async Task ACancelledReadOfATlsStreamLosesNothing()
    {
        (StreamConnection client, StreamConnection server) = await TlsPairAsync();
        byte[] data = StreamTransfer.Bytes(200_000, 10);
        Task send = StreamTransfer.SendAsync(server, data, complete: true, CancellationToken.None);
        using MemoryStream received = new();
        byte[] buffer = new byte[5000];
        int read = -1;
        for (int round = 0; read != 0; round++)
        {
            using CancellationTokenSource cancel = new();
            Task<int> pending = client.ReadAsync(buffer, cancel.Token).AsTask();
            if (round % 2 == 0)
            {
                await cancel.CancelAsync();
            }

            try
            {
                read = await pending.WaitAsync(s_limit);
                received.Write(buffer, 0, read);
            }
            catch (OperationCanceledException)
            {
                Assert.That(cancel.IsCancellationRequested, Is.True);
            }
        }

        await send;
        Assert.That(StreamTransfer.Sha256(received.ToArray()), Is.EqualTo(StreamTransfer.Sha256(data)));
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Test]
    public async Task AbortReadsGivesUpAStreamThatNeverAnswers()
    {
        Pipe silent = new();
        StreamConnection connection = StreamConnection.Create(new DuplexStream(silent.Reader.AsStream(), Stream.Null));
        Task<int> read = connection.ReadAsync(new byte[10]).AsTask();
        connection.AbortReads();
        Assert.That(await read.WaitAsync(s_limit), Is.Zero);
        await connection.WriteAsync(new byte[1]);
        await connection.DisposeAsync();
    }

    [Test]
    public async Task AbortCallsTheOptionOnceAndDisposesTheStream()
    {
        int aborts = 0;
        MemoryStream stream = new();
        StreamConnection connection = StreamConnection.Create(stream, new StreamConnectionOptions { Abort = () => aborts++ });
        connection.Abort();
        connection.Abort();
        await connection.DisposeAsync();
        Assert.That((aborts, stream.CanRead), Is.EqualTo((1, false)));
    }

    private static async Task<(StreamConnection Client, StreamConnection Server)> TlsPairAsync()
    {
        (Socket client, Socket server) = await TcpLoopback.ConnectSocketsAsync();
        (SslStream clientTls, SslStream serverTls) = await TlsLoopback.AuthenticateAsync(
            new NetworkStream(client, ownsSocket: true), new NetworkStream(server, ownsSocket: true));
        return (StreamConnection.Create(clientTls), StreamConnection.Create(serverTls));
    }

    private sealed class DuplexStream(Stream input, Stream output) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush() => output.Flush();

        public override int Read(byte[] buffer, int offset, int count) => input.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => input.ReadAsync(buffer, cancellationToken);

        public override void Write(byte[] buffer, int offset, int count) => output.Write(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
