using System.Diagnostics.Metrics;
using System.Net;
using System.Runtime.CompilerServices;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Diagnostics;

[TestFixture]
internal sealed class MetricsTests : DeviceFixture
{
    private readonly FakeMeterFactory _factory = new();

    protected override LwipDeviceOptions Options => new() { MeterFactory = _factory };

    [OneTimeTearDown]
    public void TearDownMeters() => _factory.Dispose();

    [Test]
    public async Task Traffic_shows_in_the_instruments()
    {
        List<double> durations = [];
        using MeterListener dials = Listen<double>((instrument, value, _) =>
        {
            if (instrument.Name == "tunflow.dial.duration")
                durations.Add(value);
        });
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        await peer.SendAsync(new byte[1000]);
        await upstream.Received.ReadAtLeastAsync(1000);
        Link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, new byte[7]));
        await Link.NextAsync();
        Link.Send([0x45, 0]);
        Dialer.OnDial = static (_, _) => throw new NetworkException(NetworkError.ConnectionRefused);
        await Link.CreatePeer(Server4).ConnectAsync();
        await Eventually.HoldsAsync(() => Statistics is { StreamBytesUp: 1000, DialsFailed: 1, FlowsPending: 0 }, "the counts");

        Dictionary<string, long> seen = Collect();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(seen["tunflow.packets network.io.direction=receive"], Is.EqualTo(Statistics.PacketsIn));
            Assert.That(seen["tunflow.packet.io network.io.direction=transmit"], Is.EqualTo(Statistics.BytesOut));
            Assert.That(seen["tunflow.packet.drops tunflow.drop.reason=length"], Is.EqualTo(1));
            Assert.That(seen["tunflow.flows tunflow.flow.state=open"], Is.EqualTo(1));
            Assert.That(seen["tunflow.flows tunflow.flow.state=pending"], Is.Zero);
            Assert.That(seen["tunflow.stream.io network.io.direction=receive"], Is.EqualTo(1000));
            Assert.That(seen["tunflow.dials tunflow.dial.outcome=succeeded"], Is.EqualTo(1));
            Assert.That(seen["tunflow.dials tunflow.dial.outcome=failed"], Is.EqualTo(1));
            Assert.That(seen["tunflow.sessions"], Is.EqualTo(1));
            Assert.That(seen["tunflow.datagrams network.io.direction=transmit"], Is.EqualTo(1));
            Assert.That(seen["tunflow.native.memory"], Is.Positive);
            Assert.That(durations, Has.Count.EqualTo(1));
        }
    }

    [Test]
    public async Task A_disposed_device_reports_nothing_more()
    {
        Assert.That(Collect(), Is.Not.Empty);

        await Device.DisposeAsync();

        Assert.That(Collect(), Is.Empty);
    }

    private Dictionary<string, long> Collect()
    {
        Dictionary<string, long> seen = [];
        using MeterListener listener = Listen<long>((instrument, value, tags) => seen[string.Join(' ', [instrument.Name, .. tags])] = value);
        listener.RecordObservableInstruments();
        return seen;
    }

    private MeterListener Listen<T>(Action<Instrument, T, string[]> note)
        where T : struct
    {
        MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Scope == _factory && instrument.Meter.Name == LwipDevice.MeterName)
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<T>((instrument, value, tags, _) => note(instrument, value, [.. tags.ToArray().Select(static tag => $"{tag.Key}={tag.Value}")]));
        listener.Start();
        return listener;
    }

    [Test]
    public void A_listener_that_throws_at_the_creation_of_a_device_leaves_no_meter_behind()
    {
        int thread = 0;
        Meter? meter = null;
        using (MeterListener faulty = new())
        {
            faulty.InstrumentPublished = (instrument, _) =>
            {
                if (Environment.CurrentManagedThreadId != thread || instrument.Name != "tunflow.retransmissions")
                    return;
                meter = instrument.Meter;
                throw new InvalidOperationException("a listener out of order");
            };
            faulty.Start();
            thread = Environment.CurrentManagedThreadId;
            Assert.That(() => new LwipDevice(Dialer, Proxy), Throws.InvalidOperationException);
        }

        int left = 0;
        using MeterListener listener = new() { InstrumentPublished = (instrument, _) => left += instrument.Meter == meter ? 1 : 0 };
        listener.Start();
        Assert.That((meter is null, left), Is.EqualTo((false, 0)));
    }

    [Test]
    public async Task A_disposed_device_is_not_kept_alive_by_its_factory()
    {
        WeakReference device = await UseOneAsync();

        await Eventually.HoldsAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return !device.IsAlive;
            },
            "the collection of the device");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference> UseOneAsync()
    {
        LwipDevice device = new(Dialer, Proxy, Options with { TimeProvider = Time });
        await device.DisposeAsync();
        return new WeakReference(device);
    }
}
