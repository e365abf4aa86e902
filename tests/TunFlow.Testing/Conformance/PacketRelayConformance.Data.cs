using TunFlow.Network;
using TunFlow.Network.Relays;

namespace TunFlow.Testing;

/// <content>Datagrams both ways.</content>
public abstract partial class PacketRelayConformance
{
    [TestCase(1)]
    [TestCase(1472)]
    [TestCase(2047)]
    [TestCase(2048)]
    [TestCase(2049)]
    [TestCase(9000)]
    [TestCase(65_507)]
    public async Task ADatagramOfAnySizePassesWholeBothWays(int size)
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        byte[] payload = StreamTransfer.Bytes(size, size);
        await association.SendPacketAsync(payload, Remote).AsTask().WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(socket.Sent.Single().Payload.AsSpan().SequenceEqual(payload), Is.True);
        Assert.That(socket.Sent.Single().Destination, Is.EqualTo(Remote));
        socket.Arrives(payload, OtherRemote);
        (byte[] received, System.Net.IPEndPoint? source) = await ReceiveAsync(association).ConfigureAwait(false);
        Assert.That(received.AsSpan().SequenceEqual(payload), Is.True);
        Assert.That(source, Is.EqualTo(OtherRemote));
    }

    [Test]
    public async Task DatagramsArriveInOrderFromAnybodyBeforeAnythingWasSent()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        for (byte i = 0; i < 50; i++)
        {
            socket.Arrives([i, 1, 2], i % 2 == 0 ? Remote : OtherRemote);
        }

        for (byte i = 0; i < 50; i++)
        {
            (byte[] payload, System.Net.IPEndPoint? source) = await ReceiveAsync(association).ConfigureAwait(false);
            Assert.That((payload[0], payload.Length, source), Is.EqualTo((i, 3, i % 2 == 0 ? Remote : OtherRemote)));
        }
    }

    [Test]
    public async Task AnEmptyDatagramArrives()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        socket.Arrives([], Remote);
        (byte[] payload, System.Net.IPEndPoint? source) = await ReceiveAsync(association).ConfigureAwait(false);
        Assert.That((payload.Length, source), Is.EqualTo((0, Remote)));
    }

    [Test]
    public async Task AnEmptyPayloadIsNotSent()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        await association.SendPacketAsync(ReadOnlyMemory<byte>.Empty, Remote).ConfigureAwait(false);
        await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false);
        Assert.That(socket.Sent.Select(sent => sent.Payload.Length), Is.EqualTo(new[] { 1 }));
    }

    [Test]
    public async Task ANullDestinationIsRejected()
    {
        (IPacketAssociation association, _) = await OpenAsync().ConfigureAwait(false);
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await association.SendPacketAsync(new byte[1], null!).ConfigureAwait(false)).ConfigureAwait(false);
    }

    [Test]
    public async Task WaitingWithAnEmptyBufferTakesNothing()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        Task<ReceivedDatagram> wait = association.ReceivePacketAsync(Memory<byte>.Empty).AsTask();
        Assert.That(wait.IsCompleted, Is.False);
        socket.Arrives([1, 2], Remote);
        Assert.That(await wait.WaitAsync(Limit).ConfigureAwait(false), Is.EqualTo(default(ReceivedDatagram)));
        Assert.That(await association.ReceivePacketAsync(Memory<byte>.Empty).AsTask().WaitAsync(Limit).ConfigureAwait(false), Is.EqualTo(default(ReceivedDatagram)));
        Assert.That((await ReceiveAsync(association).ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 1, 2 }));
    }

    [Test]
    public async Task ADatagramLongerThanTheBufferIsMarkedAndTheNextOneIsWhole()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        foreach (bool waitFirst in new[] { false, true })
        {
            socket.Arrives([1, 2, 3], Remote);
            socket.Arrives([4, 5], Remote);
            if (waitFirst)
            {
                await association.ReceivePacketAsync(Memory<byte>.Empty).AsTask().WaitAsync(Limit).ConfigureAwait(false);
            }

            byte[] small = new byte[2];
            ReceivedDatagram cut = await association.ReceivePacketAsync(small).AsTask().WaitAsync(Limit).ConfigureAwait(false);
            Assert.That((cut.Length, cut.Truncated, cut.Source), Is.EqualTo((2, true, Remote)));
            ReceivedDatagram whole = await association.ReceivePacketAsync(small).AsTask().WaitAsync(Limit).ConfigureAwait(false);
            Assert.That((whole.Length, whole.Truncated, small[0], small[1]), Is.EqualTo((2, false, (byte)4, (byte)5)));
        }
    }

    [Test]
    public async Task AnOverlappingReceiveThrowsAndTheFirstOneGoesOn()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        Task<(byte[] Payload, System.Net.IPEndPoint? Source)> first = ReceiveAsync(association);
        await Assert.ThrowsAsync<InvalidOperationException>(() => association.ReceivePacketAsync(new byte[10]).AsTask().WaitAsync(Limit)).ConfigureAwait(false);
        socket.Arrives([7], Remote);
        Assert.That((await first.ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 7 }));
    }

    [TestCase(0)]
    [TestCase(100)]
    public async Task ACancelledReceiveLosesNoDatagram(int bufferSize)
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        using CancellationTokenSource cancel = new();
        Task<ReceivedDatagram> receive = association.ReceivePacketAsync(new byte[bufferSize], cancel.Token).AsTask();
        await cancel.CancelAsync().ConfigureAwait(false);
        Assert.That(async () => await receive.WaitAsync(Limit).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await association.ReceivePacketAsync(new byte[10], cancel.Token).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        socket.Arrives([8], Remote);
        Assert.That((await ReceiveAsync(association).ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 8 }));
    }

    [Test]
    public async Task ACancelledSendSendsNothingAndTheAssociationGoesOn()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        using CancellationTokenSource cancel = new();
        socket.SendGate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task send = association.SendPacketAsync(new byte[1], Remote, cancel.Token).AsTask();
        await cancel.CancelAsync().ConfigureAwait(false);
        Assert.That(async () => await send.WaitAsync(Limit).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await association.SendPacketAsync(new byte[1], Remote, cancel.Token).ConfigureAwait(false), Throws.InstanceOf<OperationCanceledException>());
        socket.SendGate = null;
        await association.SendPacketAsync(new byte[] { 2 }, Remote).ConfigureAwait(false);
        Assert.That(socket.Sent.Select(sent => sent.Payload[0]), Is.EqualTo(new byte[] { 2 }));
    }

    [Test]
    public async Task SendsOfManyThreadsAllArrive()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(async () =>
        {
            for (int i = 0; i < 50; i++)
            {
                await association.SendPacketAsync(new[] { (byte)thread, (byte)i }, Remote).ConfigureAwait(false);
            }
        }))).WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(socket.Sent.Select(sent => (sent.Payload[0] * 50) + sent.Payload[1]), Is.EquivalentTo(Enumerable.Range(0, 400)));
    }

    [Test]
    public async Task AFailedSendIsTheCallersAndTheAssociationGoesOn()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        foreach ((Exception error, NetworkError expected) in new (Exception, NetworkError)[]
        {
            (new NetworkException(NetworkError.MessageTooLarge), NetworkError.MessageTooLarge),
            (new NetworkException(NetworkError.PortUnreachable), NetworkError.PortUnreachable),
            (new InvalidDataException(), NetworkError.Unknown),
        })
        {
            socket.SendError = error;
            NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(async () => await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false)).ConfigureAwait(false);
            Assert.That(exception!.Error, Is.EqualTo(expected));
        }

        socket.SendError = null;
        await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false);
        Assert.That(socket.Sent, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task BadDatagramsEndNothing()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        socket.Fails(new InvalidDataException("undecryptable"));
        socket.Fails(new NetworkException(NetworkError.ProtocolViolation));
        socket.Fails(new NetworkException(NetworkError.ConnectionReset));
        socket.Arrives([1], source: null);
        socket.Fails(new OperationCanceledException("not by the caller"));
        socket.Arrives([2], Remote);
        Assert.That((await ReceiveAsync(association).ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 2 }));
    }

    [Test]
    public async Task AnUnreachableDestinationIsReportedAndTheAssociationGoesOn()
    {
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        socket.Fails(new NetworkException(NetworkError.PortUnreachable) { Destination = OtherRemote });
        NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(() => ReceiveAsync(association)).ConfigureAwait(false);
        Assert.That((exception!.Error, exception.Destination), Is.EqualTo((NetworkError.PortUnreachable, OtherRemote)));
        socket.Arrives([3], Remote);
        Assert.That((await ReceiveAsync(association).ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 3 }));
        await association.SendPacketAsync(new byte[1], OtherRemote).ConfigureAwait(false);
        Assert.That(socket.Sent, Has.Count.EqualTo(1));
    }
}
