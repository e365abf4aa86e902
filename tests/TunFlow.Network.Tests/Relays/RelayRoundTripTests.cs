using System.Net;
using TunFlow.Network.Relays;
using TunFlow.Testing;
using static TunFlow.Network.Tests.RelayBuilder;

namespace TunFlow.Network.Tests;

/// <summary>A proxy that was made a relay and a proxy again does what the proxy does.</summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class RelayRoundTripTests(bool roundTrip)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private readonly List<FakePacketConnection> _connections = [];
    private ManualTimeProvider _time = null!;
    private IPacketProxy _proxy = null!;

    [SetUp]
    public void SetUp()
    {
        _connections.Clear();
        _time = new ManualTimeProvider();
        PacketListenerProxy proxy = new(Listener(_connections), new PacketListenerProxyOptions { TimeProvider = _time });
        _proxy = roundTrip ? proxy.AsPacketRelay().AsPacketProxy(_time) : proxy;
    }

    [Test]
    public async Task DatagramsPassBothWaysInOrder()
    {
        RecordingReceiver receiver = new();
        await using IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        await sender.WriteToAsync(ReadOnlyMemory<byte>.Empty, Remote);
        for (byte i = 0; i < 20; i++)
        {
            await sender.WriteToAsync(new[] { i }, Remote);
            _connections[0].Receives([i], OtherRemote);
        }

        for (byte i = 0; i < 20; i++)
        {
            (byte[] payload, IPEndPoint source) = await receiver.NextAsync();
            Assert.That((payload.Single(), source), Is.EqualTo((i, OtherRemote)));
        }

        Assert.That(_connections[0].Sent.Select(sent => (int)sent.Payload.Single()), Is.EqualTo(Enumerable.Range(0, 20)));
    }

    [Test]
    public async Task ANullReceiverIsRejectedAndOpensNothing()
    {
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await _proxy.NewSessionAsync(null!));
        Assert.That(_connections, Is.Empty);
    }

    [Test]
    public async Task ExpiryDisposesTheReceiverOnceAndClosesTheSender()
    {
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        receiver.OnDispose = () => sender.DisposeAsync();
        _time.Advance(TimeSpan.FromSeconds(31));
        await receiver.Disposed.WaitAsync(s_limit);
        await sender.DisposeAsync();
        Assert.That((receiver.DisposeCount, _connections[0].DisposeCount, _time.ActiveTimers), Is.EqualTo((1, 1, 0)));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await sender.WriteToAsync(new byte[1], Remote));
    }

    [Test]
    public async Task AnExpiredSessionSaysClosed()
    {
        RecordingReceiver receiver = new();
        await using IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        _time.Advance(TimeSpan.FromSeconds(31));
        await receiver.Disposed.WaitAsync(s_limit);
        await AssertErrorAsync(NetworkError.Closed, () => sender.WriteToAsync(new byte[1], Remote));
    }

    [Test]
    public async Task DisposingTheSenderDisposesTheReceiverOnceAndNothingComesAfterwards()
    {
        RecordingReceiver receiver = new();
        IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        await sender.DisposeAsync();
        await sender.DisposeAsync();
        await receiver.Disposed.WaitAsync(s_limit);
        _connections[0].Receives([1], Remote);
        Assert.That((receiver.DisposeCount, _connections[0].DisposeCount, receiver.Waiting), Is.EqualTo((1, 1, 0)));
    }

    [Test]
    public async Task AClosedReceiverEndsTheSession()
    {
        RecordingReceiver receiver = new() { OnWrite = _ => throw new NetworkException(NetworkError.Closed) };
        await using IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
        _connections[0].Receives([1], Remote);
        await receiver.Disposed.WaitAsync(s_limit);
        await Eventually.IsAsync(() => _connections[0].DisposeCount == 1, "the socket was closed");
    }

    [Test]
    public async Task FailedSendsAreTheCallersWithTheirError()
    {
        await using IPacketRequestSender sender = await _proxy.NewSessionAsync(new RecordingReceiver());
        _connections[0].SendError = new NetworkException(NetworkError.MessageTooLarge);
        await AssertErrorAsync(NetworkError.MessageTooLarge, () => sender.WriteToAsync(new byte[1], Remote));
        _connections[0].SendError = null;
        await sender.WriteToAsync(new byte[1], Remote);
    }
}
