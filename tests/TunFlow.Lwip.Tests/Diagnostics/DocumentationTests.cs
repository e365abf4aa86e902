using System.Diagnostics.Metrics;
using System.Net;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Diagnostics;

/// <summary>docs/diagnostics.md names every instrument and every log event as the code has them, and no other.</summary>
[TestFixture]
internal sealed partial class DocumentationTests : DeviceFixture
{
    private static readonly string s_root = typeof(DocumentationTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static a => a.Key == "RepositoryRoot").Value!;
    private static readonly string s_document = File.ReadAllText(Path.Combine(s_root, "docs", "diagnostics.md"));

    // Each has a log class and a meter of its own; what has neither so far tells by exceptions and statistics alone.
    private static readonly Assembly[] s_product = [typeof(Tunnel).Assembly, typeof(LwipDevice).Assembly, typeof(IIPDevice).Assembly, typeof(TunFlow.Devices.LinuxTunDevice).Assembly];

    private readonly FakeMeterFactory _factory = new();
    private readonly List<Instrument> _instruments = [];
    private readonly List<(string Name, long Value, KeyValuePair<string, object?>[] Tags)> _measurements = [];

    protected override LwipDeviceOptions Options => new() { MeterFactory = _factory };

    [OneTimeTearDown]
    public void TearDownMeters() => _factory.Dispose();

    [SetUp]
    public void Collect()
    {
        _instruments.Clear();
        _measurements.Clear();
        // Reasons for drops appear with the first one.
        Link.Send([0]);
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter == _factory.Meters[^1])
            {
                _instruments.Add(instrument);
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _measurements.Add((instrument.Name, value, tags.ToArray())));
        listener.Start();
        listener.RecordObservableInstruments();
    }

    [Test, Weakness(31)]
    public void The_table_of_instruments_is_what_the_meter_has()
    {
        string[] documented = [.. InstrumentRows().Matches(s_document).Select(static row => $"{row.Groups["name"]} {row.Groups["unit"]} {row.Groups["kind"]}")];

        Assert.That(documented, Is.EquivalentTo(_instruments.Select(static instrument => $"{instrument.Name} {instrument.Unit} {KindOf(instrument)}")));
    }

    [Test, Weakness(31)]
    public void The_attributes_are_those_of_the_measurements()
    {
        foreach (Match row in InstrumentRows().Matches(s_document))
        {
            string name = row.Groups["name"].Value;
            string[] quoted = [.. Quoted().Matches(row.Groups["attributes"].Value).Select(static match => match.Groups["text"].Value)];
            string[] keys = [.. _measurements.Where(one => one.Name == name).SelectMany(static one => one.Tags).Select(static tag => tag.Key).Distinct()];
            Assert.That(quoted.Take(1), Is.EqualTo(keys), name);
            // Values, where the table lists them.
            if (quoted.Length > 1)
                Assert.That(quoted.Skip(1), Is.EquivalentTo(_measurements.Where(one => one.Name == name).Select(static one => one.Tags.Single().Value).Distinct()), name);
        }
    }

    [Test, Weakness(31)]
    public void Names_and_units_are_those_of_OpenTelemetry()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_instruments.Where(static instrument => !InstrumentName().IsMatch(instrument.Name)).Select(static instrument => instrument.Name), Is.Empty);
            // UCUM: seconds, bytes, or what is counted, in braces and in the singular.
            Assert.That(_instruments.Where(static instrument => !UnitName().IsMatch(instrument.Unit!)).Select(static instrument => $"{instrument.Name} {instrument.Unit}"), Is.Empty);
            Assert.That(_instruments, Has.All.Property(nameof(Instrument.Description)).Not.Empty);
            Assert.That(_measurements.SelectMany(static one => one.Tags).Where(static tag => !InstrumentName().IsMatch(tag.Key) || !AttributeValue().IsMatch((string)tag.Value!)), Is.Empty);
        }
    }

    [Test, Weakness(31)]
    public void Every_statistic_is_read_by_an_instrument()
    {
        // Told by the parts of their sum, or of interest in a snapshot only.
        string[] others = [nameof(LwipStatistics.Dials), nameof(LwipStatistics.NativeBytesPeak), nameof(LwipStatistics.Ticks)];
        string source = File.ReadAllText(Path.Combine(s_root, "src", "TunFlow.Lwip", "Diagnostics", "LwipMetrics.cs"));

        IEnumerable<string> names = typeof(LwipStatistics).GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Select(static property => property.Name);

        Assert.That(names.Except(others).Where(name => !Regex.IsMatch(source, $@"\b(?:s|now)\.{name}\b")), Is.Empty);
    }

    [Test, Weakness(31)]
    public void The_table_of_log_events_is_what_the_code_writes()
    {
        (int Id, string Level)[] documented =
        [
            .. EventRows().Matches(s_document)
                .SelectMany(static row => row.Groups["ids"].Value.Split(", ").Select(id => (int.Parse(id), row.Groups["level"].Value))),
        ];

        Assert.That(documented, Is.EquivalentTo(Events().Select(static one => (one.Attribute.EventId, one.Attribute.Level.ToString()))));
        Assert.That(documented.Select(static one => one.Id), Is.Unique);
    }

    [Test, Weakness(31)]
    public void Each_area_has_one_log_class_and_no_event_can_carry_payload()
    {
        Type[] allowed = [typeof(ILogger), typeof(IPEndPoint), typeof(NetworkError), typeof(Exception), typeof(TimeSpan), typeof(ExistingFlows), typeof(Type), typeof(int)];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Events().Select(static one => one.Method.DeclaringType!).Distinct().Select(static type => type.Assembly), Is.Unique.And.Not.Empty);
            Assert.That(Events().SelectMany(static one => one.Method.GetParameters()).Select(static parameter => parameter.ParameterType).Distinct(), Is.SubsetOf(allowed));
        }
    }

    private static IEnumerable<(MethodInfo Method, LoggerMessageAttribute Attribute)> Events() => s_product
        .SelectMany(static assembly => assembly.GetTypes())
        .SelectMany(static type => type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance))
        .Select(static method => (method, method.GetCustomAttribute<LoggerMessageAttribute>()!))
        .Where(static one => one.Item2 is not null);

    private static string KindOf(Instrument instrument) => instrument switch
    {
        ObservableCounter<long> => "counter",
        ObservableUpDownCounter<long> => "up-down counter",
        Histogram<double> => "histogram",
        _ => instrument.GetType().Name,
    };

    [GeneratedRegex(@"^\| `(?<name>[^`]+)` \| (?<unit>[^|]+?) \| (?<kind>[^|]+?) \| (?<attributes>[^|]*?)\|", RegexOptions.Multiline)]
    private static partial Regex InstrumentRows();

    [GeneratedRegex(@"^\| (?<ids>\d+(?:, \d+)*) \| (?<level>\w+) \|", RegexOptions.Multiline)]
    private static partial Regex EventRows();

    [GeneratedRegex("`(?<text>[^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+$")]
    private static partial Regex InstrumentName();

    [GeneratedRegex(@"^(?:s|By|\{[a-z]+[^s}]\})$")]
    private static partial Regex UnitName();

    [GeneratedRegex("^[a-z][a-z0-9_]*$")]
    private static partial Regex AttributeValue();
}
