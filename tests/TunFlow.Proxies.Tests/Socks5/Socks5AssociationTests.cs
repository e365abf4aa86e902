using System.Net;
using System.Net.Sockets;

namespace TunFlow.Proxies.Tests;

/// <summary>Datagrams through an association, and its end.</summary>
internal sealed class Socks5AssociationTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);
    private static readonly IPEndPoint s_remote = IPEndPoint.Parse("198.51.100.7:53");
    private static readonly IPEndPoint s_remoteIPv6 = IPEndPoint.Parse("[2001:db8::7]:53");

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    [Weakness(30)]
    public async Task Datagrams_pass_both_ways_and_counts_are_those_of_the_payload(string address)
    {
        await using SocksUdpServer server = new(address);
        using Socket peer = new(server.EndPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        peer.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        IPEndPoint destination = (IPEndPoint)peer.LocalEndPoint!;
        await using IPacketConnection connection = await new Socks5PacketListener(server.EndPoint).ListenPacketAsync();
        byte[] buffer = new byte[65_536];
        foreach (int size in (int[])[0, 1, 512, 1472, 2048, 2049, 16_384, 16_385, 60_000])
        {
            byte[] payload = StreamTransfer.Bytes(size, size);
            await connection.SendToAsync(payload, destination);
            SocketReceiveFromResult request = await peer.ReceiveFromAsync(buffer, destination).WaitAsync(s_limit);
            Assert.That(buffer.AsSpan(0, request.ReceivedBytes).SequenceEqual(payload), Is.True);
            await peer.SendToAsync(payload, request.RemoteEndPoint);
            Array.Clear(buffer);
            Assert.That(await connection.ReceiveFromAsync(buffer).AsTask().WaitAsync(s_limit), Is.EqualTo(new ReceivedDatagram(size, destination, Truncated: false)));
            Assert.That(buffer.AsSpan(0, size).SequenceEqual(payload), Is.True);
        }
    }

    [Test]
    public async Task The_header_is_that_of_the_RFC()
    {
        await using Association association = await Association.OpenAsync();
        await association.Connection.SendToAsync("abc"u8.ToArray(), s_remote);
        await association.Connection.SendToAsync(ReadOnlyMemory<byte>.Empty, s_remoteIPv6);
        await association.Connection.SendToAsync("d"u8.ToArray(), IPEndPoint.Parse("[::ffff:198.51.100.7]:53"));
        Assert.That(
            association.Socket.Sent.Select(Convert.ToHexString),
            Is.EqualTo(new[] { "00000001C63364070035616263", "0000000420010DB80000000000000000000000070035", "00000001C6336407003564" }));
    }

    [Test]
    public async Task What_is_no_datagram_is_counted_and_skipped([Values] bool socketsCanWait, [Values] bool afterAWait)
    {
        await using Association association = await Association.OpenAsync(socketsCanWait);
        byte[] good = [.. SocksUdpServer.Header(s_remote), .. "good"u8];
        byte[] name = [0, 0, 0, 3, 4, .. "host"u8, 0, 53];
        List<byte[]> malformed = [[1, .. good[1..]], [0, 1, .. good[2..]], [0, 0, 0, 0, .. good[4..]], [0, 0, 0, 2, .. good[4..]], [0, 0, 0, 5, .. good[4..]], [0, 0, 0, 255, .. good[4..]]];
        foreach (byte[] header in (byte[][])[SocksUdpServer.Header(s_remote), SocksUdpServer.Header(s_remoteIPv6), name])
        {
            malformed.AddRange(Enumerable.Range(0, header.Length).Select(length => header[..length]));
        }

        byte[][] fragments = [[0, 0, 1, .. good[3..]], [0, 0, 0x81, .. good[3..]], [0, 0, 0xFF, 0, 0]];
        foreach (byte[] bad in malformed.Concat(fragments))
        {
            association.Socket.Arrives(bad);
        }

        byte[] buffer = new byte[100];
        if (afterAWait)
        {
            Task<ReceivedDatagram> wait = association.Connection.ReceiveFromAsync(Memory<byte>.Empty).AsTask();
            await Eventually.IsAsync(() => association.Statistics.DroppedMalformed == malformed.Count && association.Statistics.DroppedFragments == fragments.Length, "all are skipped");
            Assert.That(wait.IsCompleted, Is.False, "there is nothing to be taken yet");
            association.Socket.Arrives(good);
            Assert.That(await wait.WaitAsync(s_limit), Is.EqualTo(default(ReceivedDatagram)));
        }
        else
        {
            association.Socket.Arrives(good);
        }

        Assert.That(await association.Connection.ReceiveFromAsync(buffer).AsTask().WaitAsync(s_limit), Is.EqualTo(new ReceivedDatagram(4, s_remote, Truncated: false)));
        Assert.That(buffer[..4], Is.EqualTo("good"u8.ToArray()));
        Assert.That((association.Statistics.DroppedMalformed, association.Statistics.DroppedFragments), Is.EqualTo(((long)malformed.Count, (long)fragments.Length)));
        await association.Connection.SendToAsync(buffer, s_remote);
    }

    [Test]
    public async Task A_source_that_is_named_is_null_and_one_that_is_mapped_is_IPv4()
    {
        await using Association association = await Association.OpenAsync();
        association.Socket.Arrives([0, 0, 0, 3, 4, .. "host"u8, 0, 53, 1, 2]);
        association.Socket.Arrives([0, 0, 0, 3, 0, 0, 53, 1]);
        association.Socket.Arrives([0, 0, 0, 4, .. IPAddress.Parse("::ffff:198.51.100.7").GetAddressBytes(), 0, 53, 1, 2, 3]);
        byte[] buffer = new byte[100];
        Assert.That(await association.Connection.ReceiveFromAsync(buffer), Is.EqualTo(new ReceivedDatagram(2, null, Truncated: false)));
        Assert.That(await association.Connection.ReceiveFromAsync(buffer), Is.EqualTo(new ReceivedDatagram(1, null, Truncated: false)));
        Assert.That(await association.Connection.ReceiveFromAsync(buffer), Is.EqualTo(new ReceivedDatagram(3, s_remote, Truncated: false)));
    }

    [Test]
    public async Task The_sources_of_many_peers_are_right()
    {
        await using Association association = await Association.OpenAsync();
        byte[] buffer = new byte[10];
        for (int i = 0; i < 1000; i++)
        {
            // The same bytes in either family, and the same address with other ports.
            IPEndPoint source = new(i % 2 == 0 ? new IPAddress([0, 0, 0, (byte)(i % 150)]) : IPAddress.Parse($"::{i % 150:x}"), 1 + (i % 7));
            association.Socket.Arrives([.. SocksUdpServer.Header(source), 1]);
            Assert.That((await association.Connection.ReceiveFromAsync(buffer)).Source, Is.EqualTo(source));
        }
    }

    [Test]
    public async Task The_largest_datagrams_pass_and_larger_ones_are_refused()
    {
        await using SocksUdpServer server = new();
        await using IPacketConnection connection = await new Socks5PacketListener(server.EndPoint).ListenPacketAsync();
        IPEndPoint nobody = IPEndPoint.Parse("127.0.0.1:9");
        foreach (int size in (int[])[65_498, 65_507, 65_514, 65_515, 65_536, 100_000])
        {
            NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => connection.SendToAsync(new byte[size], nobody).AsTask());
            Assert.That(exception.Error, Is.EqualTo(NetworkError.MessageTooLarge), $"{size} bytes");
        }

        Assert.That(server.Received, Is.Zero);
        await connection.SendToAsync(new byte[65_497], nobody);
        await Eventually.IsAsync(() => server.Received == 1, "the largest arrives");
    }

    [Test, Weakness(30)]
    public async Task The_end_of_the_connection_ends_the_association([Values] bool byReset, [Values] bool pendingIsAWait)
    {
        TaskCompletionSource ends = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Association association = await Association.OpenAsync(peer: async peer =>
        {
            await ends.Task;
            if (byReset)
            {
                peer.Abort();
            }
        });
        Task<ReceivedDatagram> receive = association.Connection.ReceiveFromAsync(new byte[pendingIsAWait ? 0 : 100]).AsTask();
        await Eventually.IsAsync(() => association.Socket.Receives > 0, "the receive is pending");
        Assert.That(receive.IsCompleted, Is.False);

        ends.SetResult();

        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => receive.WaitAsync(s_limit));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
        Assert.That(exception.Message, Does.Contain("ended the association"));
        exception = await Assert.ThrowsAsync<NetworkException>(() => association.Connection.SendToAsync(new byte[1], s_remote).AsTask());
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
        exception = await Assert.ThrowsAsync<NetworkException>(() => association.Connection.ReceiveFromAsync(new byte[1]).AsTask());
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
        Assert.That((association.Statistics.AssociationsEndedByServer, association.Statistics.ActiveAssociations), Is.EqualTo((1L, 0L)));

        await association.Connection.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => association.Connection.SendToAsync(new byte[1], s_remote).AsTask());
        await association.AssertDisposedOnceAsync();
    }

    [Test, Weakness(30)]
    public async Task The_end_of_the_connection_ends_a_pending_send()
    {
        TaskCompletionSource ends = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Association association = await Association.OpenAsync(peer: _ => ends.Task);
        association.Socket.OnSend = _ => new ValueTask(association.Socket.Disposed);
        Task send = association.Connection.SendToAsync(new byte[1], s_remote).AsTask();
        ends.SetResult();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => send.WaitAsync(s_limit));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
    }

    [Test, Weakness(30)]
    public async Task The_end_of_a_real_connection_ends_the_association_and_its_session([Values] bool byReset)
    {
        await using SocksUdpServer server = new();
        Socks5PacketListener listener = new(server.EndPoint);
        await using IPacketConnection connection = await listener.ListenPacketAsync();
        Task<ReceivedDatagram> receive = connection.ReceiveFromAsync(new byte[65_536]).AsTask();
        await Eventually.IsAsync(() => server.Controls.Count == 1, "the server has answered");
        server.Controls[0].LingerState = new LingerOption(byReset, 0);
        server.Controls[0].Dispose();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => receive.WaitAsync(s_limit));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
        Assert.That(listener.GetStatistics().ActiveAssociations, Is.Zero);
    }

    [Test]
    public async Task What_the_server_says_on_the_connection_changes_nothing()
    {
        await using Association association = await Association.OpenAsync(peer: async peer =>
        {
            for (int i = 0; i < 100; i++)
            {
                await peer.WriteAsync(new byte[100]);
            }

            await ScriptedServer.Forever;
        });
        association.Socket.Arrives([.. SocksUdpServer.Header(s_remote), 7]);
        Assert.That((await association.Connection.ReceiveFromAsync(new byte[1]).AsTask().WaitAsync(s_limit)).Length, Is.EqualTo(1));
        Assert.That(association.Statistics.ActiveAssociations, Is.EqualTo(1));
    }

    [Test]
    public async Task Disposing_ends_pending_calls_and_disposes_both_once()
    {
        await using Association association = await Association.OpenAsync();
        Task<ReceivedDatagram> receive = association.Connection.ReceiveFromAsync(new byte[100]).AsTask();
        await Eventually.IsAsync(() => association.Socket.Receives > 0, "the receive is pending");
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () => await association.Connection.DisposeAsync()))).WaitAsync(s_limit);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => receive.WaitAsync(s_limit));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => association.Connection.SendToAsync(new byte[1], s_remote).AsTask());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => association.Connection.ReceiveFromAsync(new byte[1]).AsTask());
        await association.AssertDisposedOnceAsync();
        Assert.That(association.Statistics, Is.EqualTo(new Socks5PacketListenerStatistics { AssociationsOpened = 1 }), "it was not the server");
    }

    [Test]
    [Category("Campaign")]
    public async Task Disposing_in_a_race_with_the_servers_end_disposes_both_once()
    {
        for (int i = 0; i < Campaign.Rounds(200, 20_000); i++)
        {
            TaskCompletionSource ends = new(TaskCreationOptions.RunContinuationsAsynchronously);
            await using Association association = await Association.OpenAsync(peer: _ => ends.Task);
            Task<ReceivedDatagram> receive = association.Connection.ReceiveFromAsync(new byte[100]).AsTask();
            Task end = Task.Run(ends.SetResult);
            await Task.Run(async () => await association.Connection.DisposeAsync()).WaitAsync(s_limit);
            Exception exception = await Assert.CatchAsync<Exception>(() => receive.WaitAsync(s_limit));
            Assert.That(exception is ObjectDisposedException or NetworkException { Error: NetworkError.Closed }, Is.True, exception.ToString());
            await end;
            await association.AssertDisposedOnceAsync();
            Assert.That(association.Statistics.ActiveAssociations, Is.Zero);
        }
    }

    [Test]
    public async Task A_socket_that_fails_to_be_disposed_keeps_nothing_open()
    {
        InvalidOperationException error = new("dispose");
        TaskCompletionSource ends = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (Association ended = await Association.OpenAsync(peer: _ => ends.Task, disposeError: error))
        {
            ends.SetResult();
            await Eventually.IsAsync(() => ended.Statistics.DisposeErrors == 1, "the error is counted");
            await ended.Connection.DisposeAsync();
            await ended.AssertDisposedOnceAsync();
        }

        Association association = await Association.OpenAsync(disposeError: error);
        Assert.That(async () => await association.Connection.DisposeAsync(), Throws.InvalidOperationException);
        await association.AssertDisposedOnceAsync();
    }

    [Test]
    public async Task A_relay_that_is_gone_is_not_told_of_the_destination()
    {
        Assume.That(OperatingSystem.IsLinux(), Is.True);
        await using SocksUdpServer server = new();
        await using IPacketConnection connection = await new Socks5PacketListener(server.EndPoint).ListenPacketAsync();
        IPEndPoint relay = server.Relay;
        server.StopRelay();
        Task<ReceivedDatagram> receive = connection.ReceiveFromAsync(new byte[100]).AsTask();
        await connection.SendToAsync(new byte[1], s_remote);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => receive.WaitAsync(s_limit));
        Assert.That((exception.Error, exception.Destination), Is.EqualTo((NetworkError.HostUnreachable, (IPEndPoint?)null)));
        Assert.That(exception.Message, Does.Contain(relay.ToString()));
    }

    [Test]
    public async Task An_error_of_one_receive_or_send_ends_nothing()
    {
        await using Association association = await Association.OpenAsync();
        association.Socket.ReceiveError = new NetworkException(NetworkError.ResourceExhausted);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(() => association.Connection.ReceiveFromAsync(new byte[100]).AsTask());
        Assert.That(exception.Error, Is.EqualTo(NetworkError.ResourceExhausted));
        association.Socket.OnSend = _ => throw new NetworkException(NetworkError.MessageTooLarge);
        exception = await Assert.ThrowsAsync<NetworkException>(() => association.Connection.SendToAsync(new byte[100], s_remote).AsTask());
        Assert.That(exception.Error, Is.EqualTo(NetworkError.MessageTooLarge));
        association.Socket.OnSend = null;
        await association.Connection.SendToAsync(new byte[100], s_remote);
        association.Socket.Arrives([.. SocksUdpServer.Header(s_remote), 7]);
        Assert.That((await association.Connection.ReceiveFromAsync(new byte[100])).Length, Is.EqualTo(1));
    }

    [Test]
    public async Task Cancelling_a_receive_loses_nothing_that_a_wait_has_taken()
    {
        await using Association association = await Association.OpenAsync();
        using CancellationTokenSource cancellation = new();
        Task<ReceivedDatagram> receive = association.Connection.ReceiveFromAsync(new byte[100], cancellation.Token).AsTask();
        Assert.That(() => association.Connection.ReceiveFromAsync(new byte[1]).AsTask(), Throws.InvalidOperationException);
        await cancellation.CancelAsync();
        OperationCanceledException exception = await Assert.CatchAsync<OperationCanceledException>(() => receive.WaitAsync(s_limit));
        Assert.That(exception.CancellationToken, Is.EqualTo(cancellation.Token));

        association.Socket.Arrives([.. SocksUdpServer.Header(s_remote), 1, 2, 3]);
        await association.Connection.ReceiveFromAsync(Memory<byte>.Empty);
        Assert.That(() => association.Connection.ReceiveFromAsync(new byte[100], cancellation.Token).AsTask(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await association.Connection.ReceiveFromAsync(new byte[2]), Is.EqualTo(new ReceivedDatagram(2, s_remote, Truncated: true)));
    }
}
