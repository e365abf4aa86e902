namespace TunFlow.Devices.Linux;

/// <summary>What a device has moved and dropped. Reads come from one thread at a time, writes from any.</summary>
internal sealed class TunCounters
{
    private long _packetsRead;
    private long _bytesRead;
    private long _packetsWritten;
    private long _bytesWritten;
    private long _readErrors;
    private long _readDrops;
    private long _interfaceDownDrops;
    private long _noRoomDrops;
    private long _rejectedDrops;

    internal void CountRead(int bytes)
    {
        // One reader at a time: a plain store is enough, Volatile makes it visible to a snapshot.
        Volatile.Write(ref _packetsRead, _packetsRead + 1);
        Volatile.Write(ref _bytesRead, _bytesRead + bytes);
    }

    internal void CountWritten(long bytes)
    {
        Interlocked.Increment(ref _packetsWritten);
        Interlocked.Add(ref _bytesWritten, bytes);
    }

    internal void CountReadError() => Interlocked.Increment(ref _readErrors);

    internal void CountReadDrop() => Interlocked.Increment(ref _readDrops);

    internal void CountInterfaceDown() => Interlocked.Increment(ref _interfaceDownDrops);

    internal void CountNoRoom() => Interlocked.Increment(ref _noRoomDrops);

    internal void CountRejected() => Interlocked.Increment(ref _rejectedDrops);

    internal LinuxTunStatistics Snapshot() => new()
    {
        PacketsRead = Volatile.Read(ref _packetsRead),
        BytesRead = Volatile.Read(ref _bytesRead),
        PacketsWritten = Volatile.Read(ref _packetsWritten),
        BytesWritten = Volatile.Read(ref _bytesWritten),
        ReadErrors = Volatile.Read(ref _readErrors),
        ReadPacketsDropped = Volatile.Read(ref _readDrops),
        WritesDroppedInterfaceDown = Volatile.Read(ref _interfaceDownDrops),
        WritesDroppedNoRoom = Volatile.Read(ref _noRoomDrops),
        WritesDroppedRejected = Volatile.Read(ref _rejectedDrops),
    };
}
