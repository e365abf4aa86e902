using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Logging;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>User code that registers a callback on its token which throws: cancelling it must not end the process, nor hold anything up.</summary>
[TestFixture]
internal sealed class HostileCallbackTests : DeviceFixture
{
    private static readonly AsyncLocal<bool> s_throws = new();

    [Test]
    public async Task A_dial_that_times_out_with_a_throwing_callback_resets_its_flow_only()
    {
        TaskCompletionSource dialling = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = async (_, token) =>
        {
            token.Register(static () => throw new InvalidOperationException("a bug in a callback"));
            dialling.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, CancellationToken.None);
            return null!;
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        Task<bool> connect = peer.ConnectAsync();
        await dialling.Task.WaitAsync(TimeSpan.FromSeconds(10));

        await AdvanceAsync(TimeSpan.FromSeconds(11), () => connect.IsCompleted);

        Assert.That(await connect.WaitAsync(TimeSpan.FromSeconds(10)), Is.False);
        Assert.That(peer.WasReset, Is.True);
        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, UnexpectedExceptions: 1 }, "the flow is gone and the exception counted");
        Dialer.OnDial = null;
        await ConnectAsync();
    }

    [Test]
    public async Task A_session_that_times_out_with_a_throwing_callback_ends_alone()
    {
        TaskCompletionSource opening = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Proxy.OnOpen = async (_, token) =>
        {
            token.Register(static () => throw new InvalidOperationException("a bug in a callback"));
            opening.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, CancellationToken.None);
        };
        Link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, [1, 2, 3]));
        await opening.Task.WaitAsync(TimeSpan.FromSeconds(10));

        await AdvanceAsync(TimeSpan.FromSeconds(11), () => Statistics.Sessions == 0);

        await Eventually.HoldsAsync(() => Statistics is { Sessions: 0, UnexpectedExceptions: >= 1 }, "the session is gone and the exception counted");
    }

    [Test]
    public async Task A_meter_listener_that_throws_costs_no_flow_and_no_second_disposal()
    {
        using MeterListener listener = new();
        listener.InstrumentPublished = static (instrument, self) =>
        {
            if (instrument.Meter.Name == LwipDevice.MeterName)
                self.EnableMeasurementEvents(instrument);
        };
        IPEndPoint own = IPEndPoint.Parse("93.184.216.35:80");
        listener.SetMeasurementEventCallback<double>(static (_, _, _, _) =>
        {
            if (s_throws.Value)
                throw new InvalidOperationException("a bug in a listener");
        });
        listener.Start();
        Dialer.OnDial = (_, _) =>
        {
            // Flows to this test's dialer only: other tests run beside it.
            s_throws.Value = true;
            return new ValueTask<StreamConnection>(Dialer.Create());
        };

        TcpPeer peer = Link.CreatePeer(own);
        Assert.That(await peer.ConnectAsync(), Is.True);
        peer.SendReset();

        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, UnexpectedExceptions: 1 }, "the end");
        Assert.That(Dialer.Upstreams.Single().Disposals, Is.EqualTo(1));
    }

    [Test]
    public async Task A_logger_that_throws_holds_nothing_up()
    {
        FakeDialer dialer = new() { OnDial = static (_, _) => throw new InvalidOperationException("a bug in a dialer") };
        LwipDevice device = new(dialer, Proxy, new LwipDeviceOptions { TimeProvider = Time, LoggerFactory = new ThrowingLog() });
        PacketLink link = new(device);
        TcpPeer peer = link.CreatePeer(Server4);
        Assert.That(await peer.ConnectAsync(), Is.False);
        Assert.That(() => device.SetDialer(dialer, ExistingFlows.Reset), Throws.Nothing);
        TaskCompletionSource stuck = new();
        dialer.OnDial = (_, _) => new ValueTask<StreamConnection>(new FakeUpstream { StuckWrites = stuck });
        peer = link.CreatePeer(Server4);
        Assert.That(await peer.ConnectAsync(), Is.True);
        await peer.SendAsync(new byte[1]);

        // The stuck write makes the device warn of what it leaves behind.
        await device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        await device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));

        Assert.That(device.GetStatistics().UnexpectedExceptions, Is.GreaterThanOrEqualTo(3));
        stuck.SetResult();
    }

    [Test]
    public void A_meter_factory_that_throws_leaves_no_stack_behind()
    {
        LwipDeviceOptions options = new() { TimeProvider = Time, MeterFactory = new ThrowingMeters() };
        // More often than there are stacks in a process.
        for (int i = 0; i < 200; i++)
            Assert.That(() => new LwipDevice(Dialer, Proxy, options), Throws.TypeOf<InvalidOperationException>());
    }

    private sealed class ThrowingMeters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => throw new InvalidOperationException("a bug in a factory");

        public void Dispose()
        {
        }
    }

    private sealed class ThrowingLog : ILoggerFactory, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            throw new InvalidOperationException("a bug in a logger");

        public void Dispose()
        {
        }
    }
}
