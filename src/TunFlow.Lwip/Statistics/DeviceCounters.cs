namespace TunFlow.Lwip;

/// <summary>What only the managed side can count. Fields are changed with <see cref="Interlocked"/>, or by <see cref="Add"/>.</summary>
internal sealed class DeviceCounters
{
    public long Dials;
    public long DialsSucceeded;
    public long DialsFailed;
    public long DialsTimedOut;
    public long DialsCancelled;
    public long StreamBytesUp;
    public long StreamBytesDown;
    public long UpstreamErrors;
    public long UnexpectedExceptions;
    public long SessionsFailed;
    public long DatagramsUp;
    public long DatagramsDown;
    public long DatagramsFailed;
    public long Oversized;
    public long EchoRequests;
    public long EchoFailures;
    public long LoopsRefused;
    public long PolicyRefusals;
    public long PolicyFailures;

    public static void Add(ref long counter, long value = 1) => Interlocked.Add(ref counter, value);

    public static long Read(ref long counter) => Interlocked.Read(ref counter);
}
