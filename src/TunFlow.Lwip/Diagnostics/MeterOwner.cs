namespace TunFlow.Lwip;

/// <summary>Takes the meter of a device that nobody disposed out of the runtime's list of meters, which would keep it for ever.</summary>
internal sealed class MeterOwner(LwipMetrics metrics) : IDisposable
{
    public LwipMetrics Metrics { get; } = metrics;

    /// <summary>Ends the meter. Its listeners are user code, and run here.</summary>
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        Metrics.Dispose();
    }

    ~MeterOwner()
    {
        // Listeners may wait, which must not hold up the finalizers of others.
        ThreadPool.UnsafeQueueUserWorkItem(static metrics => End(metrics), Metrics, preferLocal: false);
    }

    private static void End(LwipMetrics metrics)
    {
        try
        {
            metrics.Dispose();
        }
        catch (Exception)
        {
            // A listener's bug, and the device that would count it is gone.
        }
    }
}
