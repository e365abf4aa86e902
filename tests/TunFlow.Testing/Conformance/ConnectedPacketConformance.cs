using System.Net;
using System.Net.Sockets;
using TunFlow.Network;

namespace TunFlow.Testing;

/// <summary>The contract of <see cref="IConnectedPacketConnection"/> as tests, against a UDP socket on loopback. Derive a fixture per implementation.</summary>
public abstract class ConnectedPacketConformance
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private Socket _peer = null!;
    private IConnectedPacketConnection _subject = null!;

    /// <summary>The connection under test.</summary>
    protected IConnectedPacketConnection Subject => _subject;

    /// <summary>The address of the peer.</summary>
    protected IPEndPoint PeerEndPoint => (IPEndPoint)_peer.LocalEndPoint!;

    /// <summary>The loopback address to test with.</summary>
    protected virtual IPAddress Address => IPAddress.Loopback;

    /// <summary>The largest payload that passes.</summary>
    protected virtual int LargestPayload => 65_507;

    /// <summary>Whether what is in between tells that nobody is at the peer's port.</summary>
    protected virtual bool TellsRefusals => true;

    /// <summary>Where the peer sees the subject.</summary>
    protected virtual IPEndPoint SubjectEndPoint => new(Address, ((IPEndPoint)_subject.LocalEndPoint!).Port);

    /// <summary>Opens the connection under test.</summary>
    /// <param name="peer">Who it is connected to.</param>
    protected abstract ValueTask<IConnectedPacketConnection> DialAsync(IPEndPoint peer);

    [SetUp]
    public async Task SetUpAsync()
    {
        _peer = Bind();
        _subject = await DialAsync(PeerEndPoint).ConfigureAwait(false);
    }

    [TearDown]
    public async Task TearDownAsync()
    {
        await _subject.DisposeAsync().ConfigureAwait(false);
        _peer.Dispose();
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(1472)]
    [TestCase(2047)]
    [TestCase(2048)]
    [TestCase(2049)]
    [TestCase(9000)]
    [TestCase(65_507)]
    public async Task DatagramsOfAnySizePassUncutBothWays(int size)
    {
        size = Math.Min(size, LargestPayload);
        byte[] payload = StreamTransfer.Bytes(size, size);
        await Subject.SendAsync(payload).ConfigureAwait(false);
        byte[] buffer = new byte[65_536];
        SocketReceiveFromResult request = await _peer.ReceiveFromAsync(buffer, PeerEndPoint).WaitAsync(s_limit).ConfigureAwait(false);
        Assert.That(buffer.AsSpan(0, request.ReceivedBytes).SequenceEqual(payload), Is.True);
        await _peer.SendToAsync(payload, request.RemoteEndPoint).ConfigureAwait(false);
        Array.Clear(buffer);
        Assert.That(await ReceiveAsync(buffer).ConfigureAwait(false), Is.EqualTo(new ReceivedDatagram(size, PeerEndPoint, Truncated: false)));
        Assert.That(buffer.AsSpan(0, size).SequenceEqual(payload), Is.True);
    }

    [Test]
    public async Task ASmallBufferIsReportedAsTruncatedAndAnExactOneIsNot()
    {
        await SendAsync(new byte[100]).ConfigureAwait(false);
        await SendAsync(new byte[100]).ConfigureAwait(false);
        Assert.That(await ReceiveAsync(new byte[99]).ConfigureAwait(false), Is.EqualTo(new ReceivedDatagram(99, PeerEndPoint, Truncated: true)));
        Assert.That(await ReceiveAsync(new byte[100]).ConfigureAwait(false), Is.EqualTo(new ReceivedDatagram(100, PeerEndPoint, Truncated: false)));
    }

    [Test]
    public async Task WhatOthersSendIsNotReceived()
    {
        using Socket other = Bind();
        Task<ReceivedDatagram> receive = Subject.ReceiveAsync(new byte[65_536]).AsTask();
        for (int i = 0; i < 10; i++)
        {
            await other.SendToAsync(new byte[5], SubjectEndPoint).ConfigureAwait(false);
        }

        await SendAsync(new byte[7]).ConfigureAwait(false);
        Assert.That((await receive.WaitAsync(s_limit).ConfigureAwait(false)).Length, Is.EqualTo(7));
    }

    [Test]
    public async Task AnEmptyBufferWaitsForTheDatagramOfThePeerAndTakesNothing()
    {
        Assume.That(Subject.CanWaitForData, Is.True);
        using Socket other = Bind();
        Task<ReceivedDatagram> wait = Subject.ReceiveAsync(Memory<byte>.Empty).AsTask();
        await other.SendToAsync(new byte[5], SubjectEndPoint).ConfigureAwait(false);
        await Task.Delay(30).ConfigureAwait(false);
        Assert.That(wait.IsCompleted, Is.False);
        await SendAsync("abc"u8.ToArray()).ConfigureAwait(false);
        Assert.That((await wait.WaitAsync(s_limit).ConfigureAwait(false)).Length, Is.Zero);
        Assert.That((await ReceiveAsync(Memory<byte>.Empty).ConfigureAwait(false)).Length, Is.Zero);
        byte[] buffer = new byte[2];
        Assert.That(await ReceiveAsync(buffer).ConfigureAwait(false), Is.EqualTo(new ReceivedDatagram(2, PeerEndPoint, Truncated: true)));
        Assert.That(buffer, Is.EqualTo("ab"u8.ToArray()));
    }

    [Test]
    public async Task CancellingAReceiveLosesNoDatagram()
    {
        for (byte i = 0; i < 50; i++)
        {
            using CancellationTokenSource cancel = new();
            byte[] buffer = new byte[10];
            Task<ReceivedDatagram> receive = Subject.ReceiveAsync(buffer, cancel.Token).AsTask();
            Task send = Task.Run(() => SendAsync([i]));
            await cancel.CancelAsync().ConfigureAwait(false);
            try
            {
                await receive.WaitAsync(s_limit).ConfigureAwait(false);
            }
            catch (OperationCanceledException exception)
            {
                Assert.That(exception.CancellationToken, Is.EqualTo(cancel.Token));
                await ReceiveAsync(buffer).ConfigureAwait(false);
            }

            await send.ConfigureAwait(false);
            Assert.That(buffer[0], Is.EqualTo(i));
        }
    }

    [Test]
    public async Task AnOverlappingReceiveThrowsAndTheFirstGoesOn()
    {
        Task<ReceivedDatagram> receive = Subject.ReceiveAsync(new byte[10]).AsTask();
        await Assert.ThrowsAsync<InvalidOperationException>(() => Subject.ReceiveAsync(new byte[10]).AsTask()).ConfigureAwait(false);
        await SendAsync(new byte[3]).ConfigureAwait(false);
        Assert.That((await receive.WaitAsync(s_limit).ConfigureAwait(false)).Length, Is.EqualTo(3));
    }

    [Test]
    public async Task ACancelledTokenStartsNothing()
    {
        CancellationToken cancelled = new(canceled: true);
        await Assert.CatchAsync<OperationCanceledException>(() => Subject.SendAsync(new byte[1], cancelled).AsTask()).ConfigureAwait(false);
        await Assert.CatchAsync<OperationCanceledException>(() => Subject.ReceiveAsync(new byte[1], cancelled).AsTask()).ConfigureAwait(false);
    }

    [Test]
    public async Task ADatagramThatIsTooLargeSaysSoAndTheSocketStaysUsable()
    {
        NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(() => Subject.SendAsync(new byte[65_528]).AsTask()).ConfigureAwait(false);
        Assert.That(exception?.Error, Is.EqualTo(NetworkError.MessageTooLarge));
        await Subject.SendAsync(new byte[100]).ConfigureAwait(false);
        Assert.That((await _peer.ReceiveFromAsync(new byte[200], PeerEndPoint).WaitAsync(s_limit).ConfigureAwait(false)).ReceivedBytes, Is.EqualTo(100));
    }

    [Test]
    public async Task DisposingEndsAPendingReceiveAndEveryLaterCall()
    {
        (EndPoint? Local, EndPoint? Remote) before = (Subject.LocalEndPoint, Subject.RemoteEndPoint);
        Assert.That(before.Remote, Is.EqualTo(PeerEndPoint));
        Task<ReceivedDatagram> receive = Subject.ReceiveAsync(new byte[65_536]).AsTask();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () => await Subject.DisposeAsync().ConfigureAwait(false)))).ConfigureAwait(false);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => receive.WaitAsync(s_limit)).ConfigureAwait(false);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => Subject.SendAsync(new byte[1]).AsTask()).ConfigureAwait(false);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => Subject.ReceiveAsync(new byte[1]).AsTask()).ConfigureAwait(false);
        Assert.That((Subject.LocalEndPoint, Subject.RemoteEndPoint), Is.EqualTo(before));
    }

    [TestCase(0)]
    [TestCase(100)]
    [TestCase(65_536)]
    public async Task ARefusalIsReportedOnceAndTheSocketStaysUsable(int bufferSize)
    {
        Assume.That(OperatingSystem.IsLinux(), Is.True);
        IPEndPoint peer = PeerEndPoint;
        _peer.Dispose();
        Task<ReceivedDatagram> receive = Subject.ReceiveAsync(new byte[bufferSize]).AsTask();
        await Subject.SendAsync(new byte[1]).ConfigureAwait(false);
        if (TellsRefusals)
        {
            NetworkException? exception = null;
            try
            {
                await receive.WaitAsync(s_limit).ConfigureAwait(false);
            }
            catch (NetworkException caught)
            {
                exception = caught;
            }

            Assert.That((exception?.Error, exception?.Destination), Is.EqualTo(((NetworkError?)NetworkError.PortUnreachable, peer)));
        }

        _peer = new Socket(peer.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        _peer.Bind(peer);
        await SendAsync(new byte[9]).ConfigureAwait(false);
        if (!TellsRefusals)
        {
            // It has been pending all the time.
            Assert.That((await receive.WaitAsync(s_limit).ConfigureAwait(false)).Length, Is.EqualTo(Math.Min(bufferSize, 9)));
            return;
        }

        Assert.That((await ReceiveAsync(new byte[10]).ConfigureAwait(false)).Length, Is.EqualTo(9));
    }

    /// <summary>Receives, within bounds.</summary>
    /// <param name="buffer">Receives the payload.</param>
    protected Task<ReceivedDatagram> ReceiveAsync(Memory<byte> buffer) => Subject.ReceiveAsync(buffer).AsTask().WaitAsync(s_limit);

    private Task SendAsync(byte[] payload) => _peer.SendToAsync(payload, SubjectEndPoint);

    private Socket Bind()
    {
        Socket socket = new(Address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(Address, 0));
        return socket;
    }
}
