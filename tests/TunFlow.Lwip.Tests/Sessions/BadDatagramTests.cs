using System.Net;
using System.Threading.Channels;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Sessions;

/// <summary>Sessions through a packet listener, as proxies are: whatever comes from outside costs itself only.</summary>
[TestFixture(4)]
[TestFixture(6)]
internal sealed class BadDatagramTests(int family)
{
    private readonly IPEndPoint _app = IPEndPoint.Parse(family == 4 ? "10.9.0.2:5000" : "[fd09::2]:5000");
    private readonly IPEndPoint _server = IPEndPoint.Parse(family == 4 ? "93.184.216.34:80" : "[2606:2800:220:1::1]:80");
    private readonly IPEndPoint _closed = IPEndPoint.Parse(family == 4 ? "192.0.2.9:9" : "[2001:db8::9]:9");

    private ManualTimeProvider _time = null!;
    private ScriptedListener _listener = null!;
    private PacketListenerProxy _proxy = null!;
    private LwipDevice? _device;
    private PacketLink _link = null!;

    [SetUp]
    public async Task Open()
    {
        NativeLibraryRequirement.Check();
        _time = new ManualTimeProvider();
        _listener = new ScriptedListener();
        _proxy = new PacketListenerProxy(_listener, new PacketListenerProxyOptions { TimeProvider = _time, WriteIdleTimeout = TimeSpan.FromHours(1) });
        _device = new LwipDevice(new FakeDialer(), _proxy, new LwipDeviceOptions { TimeProvider = _time, UdpIdleTimeout = TimeSpan.FromHours(1) });
        _link = new PacketLink(_device);
        await PassesBothWaysAsync(0);
    }

    [TearDown]
    public async Task Close()
    {
        if (_device is null)
            return;
        // One session was opened, and it lived to the end.
        Assert.That((_listener.Opened, _device.GetStatistics().SessionsOpened, _device.GetStatistics().Sessions, _proxy.GetStatistics().ActiveSessions), Is.EqualTo((1, 1L, 1, 1L)));
        await _device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        await Eventually.HoldsAsync(() => _listener.Disposals == 1, "the socket's disposal");
    }

    [Test, Weakness(18)]
    public async Task Undecryptable_fragmented_short_and_cut_ones_are_counted()
    {
        _listener.Fails(new NetworkException(NetworkError.ProtocolViolation, "The datagram does not decrypt."));
        _listener.Fails(new NetworkException(NetworkError.ProtocolViolation, "Fragment 3 without a first one."));
        _listener.Fails(new InvalidDataException("Shorter than its header."));
        _listener.Receives(new ReceivedDatagram(100, _server, Truncated: true));

        await PassesBothWaysAsync(1);

        Assert.That(_proxy.GetStatistics(), Has.Property(nameof(PacketListenerProxyStatistics.ReceiveErrors)).EqualTo(3)
            .And.Property(nameof(PacketListenerProxyStatistics.DroppedTruncated)).EqualTo(1));
    }

    [Test, Weakness(28), Weakness(18)]
    public async Task One_from_a_source_that_is_no_address_is_dropped_and_counted_and_nothing_is_looked_up()
    {
        // What a proxy that names its sources does with a name: it has no address to give.
        _listener.Receives(new ReceivedDatagram(10, null, Truncated: false));

        await PassesBothWaysAsync(1);

        Assert.That(_proxy.GetStatistics().DroppedUnknownSource, Is.EqualTo(1));
    }

    [Test, Weakness(18), Weakness(21)]
    public async Task A_refusal_in_the_middle_is_told_by_ICMP()
    {
        _listener.Fails(new NetworkException(NetworkError.PortUnreachable) { Destination = _closed });

        ParsedPacket error = await _link.NextAsync();

        Assert.That((error.IcmpType, error.IcmpCode), Is.EqualTo(family == 4 ? ((byte)3, (byte)3) : ((byte)1, (byte)4)));
        Assert.That((error.Source.Address, error.Destination.Address), Is.EqualTo((_closed.Address, _app.Address)));
        // The ports that its socket is found by.
        Assert.That(error.Payload.Slice(family == 4 ? 20 : 40, 4).ToArray(), Is.EqualTo(new byte[] { (byte)(_app.Port >> 8), (byte)_app.Port, 0, (byte)_closed.Port }));
        await PassesBothWaysAsync(1);
        Assert.That(_proxy.GetStatistics().UnreachableReports, Is.EqualTo(1));
    }

    [Test, Weakness(18)]
    public async Task A_send_that_fails_costs_that_datagram()
    {
        _listener.SendError = new NetworkException(NetworkError.NetworkUnreachable);
        Send(1);
        await Eventually.HoldsAsync(() => _device!.GetStatistics().DatagramsFailed == 1, "the failure");
        Assert.That((await _link.NextAsync()).IsUnreachable, Is.True);
        _listener.SendError = null;

        await PassesBothWaysAsync(2);
    }

    [Test, Weakness(18)]
    public async Task Three_hundred_bad_ones_in_a_row_end_nothing()
    {
        for (int i = 0; i < 300; i++)
            _listener.Fails(new NetworkException(NetworkError.ProtocolViolation));
        // After some in a row the loop makes pauses.
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(250));
                return _proxy.GetStatistics().ReceiveErrors == 300;
            },
            "all of them");

        await PassesBothWaysAsync(1);
    }

    private void Send(byte number) => _link.Send(PacketBuilder.UdpDatagram(_app, _server, [number]));

    private async Task PassesBothWaysAsync(byte number)
    {
        Send(number);
        ParsedPacket answer = await _link.NextAsync();
        Assert.That((answer.Source, answer.Destination, answer.Payload.Span[0]), Is.EqualTo((_server, _app, number)));
    }

    /// <summary>A listener with one socket that echoes, and receives what a test says.</summary>
    private sealed class ScriptedListener : IPacketListener, IPacketConnection
    {
        private readonly Channel<Func<Memory<byte>, ReceivedDatagram>> _incoming = Channel.CreateUnbounded<Func<Memory<byte>, ReceivedDatagram>>();
        private int _opened;
        private int _disposals;

        public int Opened => Volatile.Read(ref _opened);

        public int Disposals => Volatile.Read(ref _disposals);

        public Exception? SendError { get; set; }

        public EndPoint? LocalEndPoint => null;

        public void Fails(Exception exception) => _incoming.Writer.TryWrite(_ => throw exception);

        public void Receives(ReceivedDatagram datagram) => _incoming.Writer.TryWrite(_ => datagram);

        public ValueTask<IPacketConnection> ListenPacketAsync(CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _opened);
            return new ValueTask<IPacketConnection>(this);
        }

        public ValueTask SendToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
        {
            if (SendError is { } error)
                throw error;
            byte[] copy = payload.ToArray();
            _incoming.Writer.TryWrite(buffer =>
            {
                copy.CopyTo(buffer);
                return new ReceivedDatagram(copy.Length, destination, Truncated: false);
            });
            return ValueTask.CompletedTask;
        }

        public async ValueTask<ReceivedDatagram> ReceiveFromAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                return (await _incoming.Reader.ReadAsync(cancellationToken))(buffer);
            }
            catch (ChannelClosedException)
            {
                throw new ObjectDisposedException(nameof(ScriptedListener));
            }
        }

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref _disposals);
            _incoming.Writer.TryComplete();
            return ValueTask.CompletedTask;
        }
    }
}
