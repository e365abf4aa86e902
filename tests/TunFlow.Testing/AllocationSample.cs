using System.Collections.Concurrent;
using System.Diagnostics.Tracing;

namespace TunFlow.Testing;

/// <summary>The types that a process allocates, by the runtime's own sample of one in about 100 KiB.</summary>
internal sealed class AllocationSample : EventListener
{
    private const EventKeywords Gc = (EventKeywords)1;
    private const int SampledBytes = 100 << 10;
    private const string Runtime = "Microsoft-Windows-DotNETRuntime";

    private readonly ConcurrentDictionary<(string Type, long Thread), int> _samples = new();

    /// <summary>What is allocated while one waits, in any thread.</summary>
    public static async Task<string> TakeAsync(TimeSpan duration)
    {
        using AllocationSample sample = new();
        await Task.Delay(duration).ConfigureAwait(false);
        return sample._samples.IsEmpty
            ? $"the process allocates less than {SampledBytes} bytes in {duration.TotalMilliseconds} ms"
            : string.Join("\n", sample._samples.OrderByDescending(static entry => entry.Value).Take(12)
                .Select(static entry => $"about {(long)entry.Value * SampledBytes} bytes of {entry.Key.Type} by thread {entry.Key.Thread}"));
    }

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == Runtime)
            EnableEvents(eventSource, EventLevel.Verbose, Gc);
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventName?.StartsWith("GCAllocationTick", StringComparison.Ordinal) != true || eventData.PayloadNames?.IndexOf("TypeName") is not (>= 0 and int at))
            return;

        _samples.AddOrUpdate(((string)eventData.Payload![at]!, eventData.OSThreadId), 1, static (_, count) => count + 1);
    }
}
