using System.Diagnostics.Metrics;

namespace TunFlow.Lwip.Tests.Fakes;

/// <summary>Remembers its meters, so that a listener can tell a device's own from those of others.</summary>
internal sealed class FakeMeterFactory : IMeterFactory
{
    private readonly List<Meter> _meters = [];

    /// <summary>Those made so far, oldest first.</summary>
    public IReadOnlyList<Meter> Meters => _meters;

    public Meter Create(MeterOptions options)
    {
        options.Scope = this;
        Meter meter = new(options);
        _meters.Add(meter);
        return meter;
    }

    public void Dispose()
    {
        foreach (Meter meter in _meters)
            meter.Dispose();
    }
}
