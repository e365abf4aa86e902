using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>Makes the public snapshot of what both sides counted.</summary>
internal static class StatisticsConversion
{
    public static LwipStatistics Create(in TfStats native, DeviceCounters counters)
    {
        long[] drops = new long[PacketDropCounters.ReasonCount];
        ReadOnlySpan<ulong> counted = native.Drops;
        for (int i = 0; i < counted.Length; i++)
            drops[i] = (long)counted[i];
        drops[(int)PacketDropReason.Oversized] = Interlocked.Read(ref counters.Oversized);
        return new LwipStatistics
        {
            PacketsIn = (long)native.PacketsIn,
            BytesIn = (long)native.BytesIn,
            PacketsOut = (long)native.PacketsOut,
            BytesOut = (long)native.BytesOut,
            Drops = new PacketDropCounters(drops),
            Flows = (int)native.Flows,
            FlowsPending = (int)native.FlowsPending,
            FlowsHalfOpen = (int)native.FlowsHalfOpen,
            FlowsTimeWait = (int)native.FlowsTimeWait,
            FlowsOpened = (long)native.FlowsOpened,
            FlowsRefused = (long)native.FlowsRefused,
            FlowsResetByApplication = (long)native.FlowsResetIn,
            FlowsReset = (long)native.FlowsResetOut,
            FlowsHalfClosedExpired = (long)native.FlowsHalfClosed,
            Dials = Interlocked.Read(ref counters.Dials),
            DialsSucceeded = Interlocked.Read(ref counters.DialsSucceeded),
            DialsFailed = Interlocked.Read(ref counters.DialsFailed),
            DialsTimedOut = Interlocked.Read(ref counters.DialsTimedOut),
            DialsCancelled = Interlocked.Read(ref counters.DialsCancelled),
            StreamBytesUp = Interlocked.Read(ref counters.StreamBytesUp),
            StreamBytesDown = Interlocked.Read(ref counters.StreamBytesDown),
            UpstreamErrors = Interlocked.Read(ref counters.UpstreamErrors),
            UnexpectedExceptions = Interlocked.Read(ref counters.UnexpectedExceptions),
            LoopsRefused = Interlocked.Read(ref counters.LoopsRefused),
            PolicyRefusals = Interlocked.Read(ref counters.PolicyRefusals),
            PolicyFailures = Interlocked.Read(ref counters.PolicyFailures),
            Sessions = (int)native.Sessions,
            SessionsOpened = (long)native.SessionsOpened,
            SessionsEvicted = (long)native.SessionsEvicted,
            SessionsFailed = Interlocked.Read(ref counters.SessionsFailed),
            DatagramsUp = Interlocked.Read(ref counters.DatagramsUp),
            DatagramsDown = Interlocked.Read(ref counters.DatagramsDown),
            DatagramsFailed = Interlocked.Read(ref counters.DatagramsFailed),
            EchoRequests = Interlocked.Read(ref counters.EchoRequests),
            EchoFailures = Interlocked.Read(ref counters.EchoFailures),
            EchoReplies = (long)native.EchoReplies,
            NativeBytes = (long)native.NativeBytes,
            NativeBytesPeak = (long)native.NativeBytesPeak,
            AllocationFailures = (long)native.AllocationFailures,
            Asserts = (long)native.Asserts,
            Ticks = (long)native.Ticks,
            Retransmissions = (long)native.Retransmissions,
            OutputQueue = (int)native.OutputEntries,
        };
    }
}
