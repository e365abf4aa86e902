using System.Diagnostics.Metrics;

namespace TunFlow.Lwip;

/// <summary>A device's statistics as instruments of the meter <see cref="LwipDevice.MeterName"/>, in OpenTelemetry's manner.</summary>
/// <remarks>All but one are observable: they cost nothing until somebody asks, and then one snapshot each.</remarks>
internal sealed class LwipMetrics : IDisposable
{
    private const string Direction = "network.io.direction";
    private const string Outcome = "tunflow.dial.outcome";

    private readonly Meter _meter;
    private readonly bool _owned;
    // The runtime keeps every meter until it is disposed: it must not keep a device that nobody disposed.
    private readonly WeakReference<LwipDevice> _device;
    private bool _ended;
    private readonly Histogram<double> _dialDuration;

    public LwipMetrics(IMeterFactory? factory, LwipDevice device)
    {
        _device = new WeakReference<LwipDevice>(device);
        MeterOptions options = new(LwipDevice.MeterName) { Version = typeof(LwipDevice).Assembly.GetName().Version?.ToString(3) };
        // A factory owns the meters that it makes.
        _meter = factory?.Create(options) ?? new Meter(options);
        _owned = factory is null;
        try
        {
            _dialDuration = _meter.CreateHistogram<double>("tunflow.dial.duration", "s", "Time from the start of a dial to its success.");
            CreatePackets();
            CreateFlows();
            CreateSessions();
            CreateEchoes();
            CreateFaults();
        }
        catch
        {
            // A listener, which is user code. Nobody else would take the meter out of the runtime's list.
            Dispose();
            throw;
        }
    }

    /// <summary>Whether anybody wants to know of dials.</summary>
    public bool ListensToDials => _dialDuration.Enabled;

    /// <summary>Notes a successful dial.</summary>
    public void Dialled(TimeSpan duration) => _dialDuration.Record(duration.TotalSeconds);

    public void Dispose()
    {
        // A factory's meter outlives the device, and its instruments keep this object; not what is behind it.
        Volatile.Write(ref _ended, true);
        if (_owned)
            _meter.Dispose();
    }

    private void CreatePackets()
    {
        CountByDirection("tunflow.packets", "{packet}", "Packets taken from and given to the applications.", static s => s.PacketsIn, static s => s.PacketsOut);
        CountByDirection("tunflow.packet.io", "By", "Bytes of these packets.", static s => s.BytesIn, static s => s.BytesOut);
        _meter.CreateObservableCounter("tunflow.packet.drops", ObserveDrops, "{packet}", "Packets that were dropped, by reason.");
        Gauge("tunflow.output.queue", "{packet}", "Packets waiting to be read from the device.", static s => s.OutputQueue);
        Count("tunflow.retransmissions", "{segment}", "TCP segments sent again.", static s => s.Retransmissions);
    }

    private void CreateFlows()
    {
        _meter.CreateObservableUpDownCounter("tunflow.flows", ObserveFlows, "{flow}", "TCP flows by state.");
        CountByDirection("tunflow.flows.reset", "{flow}", "Flows reset by the application or by this device.", static s => s.FlowsResetByApplication, static s => s.FlowsReset);
        Count("tunflow.flows.opened", "{flow}", "TCP handshakes completed.", static s => s.FlowsOpened);
        Count("tunflow.flows.refused", "{flow}", "Connection attempts refused.", static s => s.FlowsRefused);
        Count("tunflow.flows.half_closed.expired", "{flow}", "Half-closed flows ended because nothing moved in them.", static s => s.FlowsHalfClosedExpired);
        Count("tunflow.upstream.errors", "{error}", "Flows that ended by an error of their upstream.", static s => s.UpstreamErrors);
        CountByDirection("tunflow.stream.io", "By", "TCP payload.", static s => s.StreamBytesUp, static s => s.StreamBytesDown);
        _meter.CreateObservableCounter("tunflow.dials", ObserveDials, "{dial}", "Dials that ended, by outcome.");
        Count("tunflow.loops.refused", "{flow}", "The tunnel's own traffic that came back in.", static s => s.LoopsRefused);
        Count("tunflow.policy.refusals", "{flow}", "Connection attempts and datagrams that the policy refused or dropped.", static s => s.PolicyRefusals);
        Count("tunflow.policy.failures", "{flow}", "Times that the policy failed or took too long.", static s => s.PolicyFailures);
    }

    private void CreateSessions()
    {
        Gauge("tunflow.sessions", "{session}", "UDP sessions.", static s => s.Sessions);
        Count("tunflow.sessions.opened", "{session}", "UDP sessions opened.", static s => s.SessionsOpened);
        Count("tunflow.sessions.evicted", "{session}", "UDP sessions ended to make room.", static s => s.SessionsEvicted);
        Count("tunflow.sessions.failed", "{session}", "Sessions that the packet proxy did not open.", static s => s.SessionsFailed);
        CountByDirection("tunflow.datagrams", "{datagram}", "UDP datagrams.", static s => s.DatagramsUp, static s => s.DatagramsDown);
        Count("tunflow.datagrams.failed", "{datagram}", "Datagrams that the packet proxy refused, or that waited for it when their session ended.", static s => s.DatagramsFailed);
    }

    private void CreateEchoes()
    {
        Count("tunflow.echo.requests", "{request}", "Echo requests given to the handler.", static s => s.EchoRequests);
        Count("tunflow.echo.failures", "{request}", "Echo requests that the handler failed on.", static s => s.EchoFailures);
        Count("tunflow.echo.replies", "{reply}", "Echo replies made.", static s => s.EchoReplies);
    }

    private void CreateFaults()
    {
        Count("tunflow.exceptions", "{exception}", "Exceptions of the application's code that are no network errors.", static s => s.UnexpectedExceptions);
        Count("tunflow.native.allocation_failures", "{allocation}", "Allocations that the native stack was refused.", static s => s.AllocationFailures);
        Gauge("tunflow.native.memory", "By", "Memory that the native stack has allocated.", static s => s.NativeBytes);
        Count("tunflow.assertions", "{assertion}", "Assertions of lwIP that failed; each ended its flow or packet.", static s => s.Asserts);
    }

    private void Count(string name, string unit, string description, Func<LwipStatistics, long> value) =>
        _meter.CreateObservableCounter<long>(name, () => Observe(value), unit, description);

    private void Gauge(string name, string unit, string description, Func<LwipStatistics, long> value) =>
        _meter.CreateObservableUpDownCounter<long>(name, () => Observe(value), unit, description);

    private void CountByDirection(string name, string unit, string description, Func<LwipStatistics, long> up, Func<LwipStatistics, long> down) =>
        _meter.CreateObservableCounter<long>(
            name,
            () => Read() is { } now
                ? [new Measurement<long>(up(now), Tag(Direction, "receive")), new Measurement<long>(down(now), Tag(Direction, "transmit"))]
                : [],
            unit,
            description);

    private IEnumerable<Measurement<long>> Observe(Func<LwipStatistics, long> value) => Read() is { } now ? [new Measurement<long>(value(now))] : [];

    private IEnumerable<Measurement<long>> ObserveDrops() => Read() is { } now
        ? now.Drops.Where(static drop => drop.Value != 0).Select(static drop => new Measurement<long>(drop.Value, Tag("tunflow.drop.reason", SnakeCase(drop.Key.ToString()))))
        : [];

    private IEnumerable<Measurement<long>> ObserveFlows()
    {
        const string state = "tunflow.flow.state";
        if (Read() is not { } now)
            return [];
        return
        [
            new Measurement<long>(now.FlowsPending, Tag(state, "pending")),
            new Measurement<long>(now.FlowsHalfOpen, Tag(state, "half_open")),
            new Measurement<long>(now.FlowsTimeWait, Tag(state, "time_wait")),
            new Measurement<long>(now.Flows - now.FlowsPending - now.FlowsHalfOpen - now.FlowsTimeWait, Tag(state, "open")),
        ];
    }

    private IEnumerable<Measurement<long>> ObserveDials()
    {
        if (Read() is not { } now)
            return [];
        return
        [
            new Measurement<long>(now.DialsTimedOut, Tag(Outcome, "timed_out")),
            new Measurement<long>(now.DialsCancelled, Tag(Outcome, "cancelled")),
            new Measurement<long>(now.DialsFailed - now.DialsTimedOut - now.DialsCancelled, Tag(Outcome, "failed")),
            new Measurement<long>(now.DialsSucceeded, Tag(Outcome, "succeeded")),
        ];
    }

    /// <summary>Null after disposal: a factory's meter outlives the device.</summary>
    private LwipStatistics? Read() => !Volatile.Read(ref _ended) && _device.TryGetTarget(out LwipDevice? device) ? device.GetStatistics() : null;

    private static KeyValuePair<string, object?> Tag(string key, string value) => new(key, value);

    private static string SnakeCase(string name)
    {
        System.Text.StringBuilder text = new(name.Length + 4);
        for (int i = 0; i < name.Length; i++)
        {
            // IP stays one word.
            if (i > 0 && char.IsUpper(name[i]) && !(name[i] == 'P' && name[i - 1] == 'I'))
                text.Append('_');
            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }
}
