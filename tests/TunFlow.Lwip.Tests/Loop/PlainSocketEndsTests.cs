using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Loop;

/// <summary>How connections of the system's sockets tell of resets, urgent data and their own ends: those that an engine waits for, and those of the general path.</summary>
[TestFixture(true)]
[TestFixture(false)]
[Platform("Linux")]
[SupportedOSPlatform("linux")]
[CancelAfter(30_000)]
internal sealed class PlainSocketEndsTests(bool loop)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    private readonly LoopThread _loop = new();

    [OneTimeTearDown]
    public void EndLoop() => _loop.Dispose();

    [Test]
    public async Task What_came_before_a_reset_is_read_though_a_write_was_told_of_it_first()
    {
        (StreamConnection connection, Socket peer) = await ConnectAsync();
        await using (connection)
        {
            await peer.SendAsync(new byte[100]);
            await ResetAsync(peer);
            Assert.That(async () => await connection.WriteAsync(new byte[10]), Throws.TypeOf<NetworkException>());
            Assert.That(await connection.ReadAsync(new byte[1000]), Is.EqualTo(100));
        }
    }

    [Test]
    public async Task What_came_before_a_reset_is_read_after_the_end_of_writes()
    {
        (StreamConnection connection, Socket peer) = await ConnectAsync();
        await using (connection)
        {
            await peer.SendAsync(new byte[100]);
            await ResetAsync(peer);
            await CompleteOrFailAsync(connection);
            Assert.That(await connection.ReadAsync(new byte[1000]), Is.EqualTo(100));
        }
    }

    [Test]
    public async Task A_reset_is_not_taken_for_an_end_after_the_end_of_writes()
    {
        (StreamConnection connection, Socket peer) = await ConnectAsync();
        await using (connection)
        {
            await ResetAsync(peer);
            await CompleteOrFailAsync(connection);
            Assert.That(
                async () => await connection.ReadAsync(new byte[1000]),
                Throws.TypeOf<NetworkException>().With.Property(nameof(NetworkException.Error)).EqualTo(NetworkError.ConnectionReset));
        }
    }

    [Test]
    public async Task Urgent_data_does_not_hide_what_comes_behind_it()
    {
        (StreamConnection connection, Socket peer) = await ConnectAsync();
        await using (connection)
        using (peer)
        {
            await peer.SendAsync("abc"u8.ToArray());
            await peer.SendAsync("X"u8.ToArray(), SocketFlags.OutOfBand);
            await peer.SendAsync("def"u8.ToArray());
            await Task.Delay(100);
            byte[] buffer = new byte[100];
            Assert.That(await connection.ReadAsync(buffer), Is.EqualTo(3));
            Assert.That(await connection.ReadAsync(buffer).AsTask().WaitAsync(s_limit), Is.EqualTo(3));
        }
    }

    [Test]
    public async Task Aborted_reads_end_and_so_do_later_ones()
    {
        (StreamConnection connection, Socket peer) = await ConnectAsync();
        await using (connection)
        using (peer)
        {
            Task<int> pending = connection.ReadAsync(new byte[10]).AsTask();
            connection.AbortReads();
            Assert.That(await pending.WaitAsync(s_limit), Is.Zero);
            await Task.Delay(100);
            Assert.That(await connection.ReadAsync(new byte[10]).AsTask().WaitAsync(s_limit), Is.Zero);
        }
    }

    [Test]
    public async Task The_local_end_point_is_known_also_after_the_disposal()
    {
        (StreamConnection connection, Socket peer) = await ConnectAsync();
        using (peer)
        {
            await using (connection)
                Assert.That(connection.LocalEndPoint, Is.EqualTo(peer.RemoteEndPoint));
        }

        (StreamConnection disposed, Socket other) = await ConnectAsync();
        using (other)
        {
            await disposed.DisposeAsync();
            Assert.That(disposed.LocalEndPoint, Is.EqualTo(other.RemoteEndPoint));
        }
    }

    [Test]
    public async Task A_disposal_after_aborted_reads_is_an_orderly_end()
    {
        (StreamConnection connection, Socket peer) = await ConnectAsync();
        using (peer)
        {
            connection.AbortReads();
            await peer.SendAsync(new byte[100]);
            await Task.Delay(50);
            await connection.WriteAsync(new byte[5]);
            await peer.SendAsync(new byte[100]);
            await Task.Delay(50);
            await connection.DisposeAsync();
            byte[] buffer = new byte[100];
            Assert.That(await peer.ReceiveAsync(buffer).WaitAsync(s_limit), Is.EqualTo(5));
            Assert.That(await peer.ReceiveAsync(buffer).WaitAsync(s_limit), Is.Zero);
        }
    }

    private static async Task ResetAsync(Socket peer)
    {
        peer.LingerState = new LingerOption(enable: true, seconds: 0);
        peer.Dispose();
        await Task.Delay(100);
    }

    /// <summary>Whether the end of writes finds the reset is a matter of time.</summary>
    private static async Task CompleteOrFailAsync(StreamConnection connection)
    {
        try
        {
            await connection.CompleteWritesAsync();
        }
        catch (NetworkException exception)
        {
            Assert.That(exception.Error, Is.EqualTo(NetworkError.ConnectionReset));
        }
    }

    private async Task<(StreamConnection Connection, Socket Peer)> ConnectAsync()
    {
        using Socket listener = TcpLoopback.Listen();
        IPEndPoint server = (IPEndPoint)listener.LocalEndPoint!;
        StreamConnection connection = loop ? await _loop.DialAsync(new TcpDialer(), server, CancellationToken.None) : await new TcpDialer().DialStreamAsync(server);
        return (connection, await listener.AcceptAsync());
    }
}
