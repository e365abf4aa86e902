using TunFlow.Lwip;

namespace TunFlow.Cli.Run;

/// <summary>
/// Waits for what an ended command has written: its closed sockets still hold bytes that the kernel is sending.
/// </summary>
internal static class LastBytes
{
    internal static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Returns when no flow is left, or when nothing has moved for <see cref="Patience"/>, or after <see cref="Limit"/>.
    /// </summary>
    internal static async Task DeliverAsync(Func<LwipStatistics> statistics, TimeProvider time, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        long moved = started;
        long before = long.MinValue;
        while (true)
        {
            LwipStatistics now = statistics();
            long progress = now.StreamBytesUp + now.StreamBytesDown + now.PacketsIn;
            // One step at least: a datagram may just have been sent.
            bool idle = before != long.MinValue && progress == before;
            if (idle && now.Flows == now.FlowsTimeWait)
                return;
            if (!idle)
                (before, moved) = (progress, time.GetTimestamp());
            if (time.GetElapsedTime(moved) >= Patience || time.GetElapsedTime(started) >= Limit)
                return;
            await Task.Delay(Step, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
                return;
        }
    }
}
