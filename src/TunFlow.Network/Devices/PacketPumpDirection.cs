namespace TunFlow.Network;

/// <summary>One direction of a <see cref="PacketPump"/>.</summary>
internal sealed class PacketPumpDirection(IIPDevice source, IIPDevice destination, PacketPumpOptions options)
{
    private long _packets;
    private long _bytes;
    private long _batches;
    private long _droppedByWriteError;

    public PacketPumpStatistics GetStatistics() => new()
    {
        Packets = Volatile.Read(ref _packets),
        Bytes = Volatile.Read(ref _bytes),
        Batches = Volatile.Read(ref _batches),
        DroppedByWriteError = Volatile.Read(ref _droppedByWriteError),
    };

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            if (source is IBatchIPDevice batchSource && destination is IBatchIPDevice batchDestination)
            {
                await CopyBatchesAsync(batchSource, batchDestination, stop).ConfigureAwait(false);
            }
            else
            {
                await CopyPacketsAsync(stop).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopped as asked.
        }
        catch (Exception exception) when (IsClosed(exception))
        {
            // A device was closed while it was used: the normal end.
        }
    }

    private static bool IsClosed(Exception exception) => exception is ObjectDisposedException or NetworkException { Error: NetworkError.Closed };

    private async Task CopyPacketsAsync(CancellationToken stop)
    {
        // Not just the MTU of the source: it may change while the device is up.
        byte[] buffer = GC.AllocateUninitializedArray<byte>(PacketBuffer.MaxPacketLength, pinned: true);
        while (true)
        {
            int length = await source.ReadAsync(buffer, stop).ConfigureAwait(false);
            if (length == 0)
            {
                return;
            }

            try
            {
                await destination.WriteAsync(buffer.AsMemory(0, length), stop).ConfigureAwait(false);
                Count(1, length);
            }
            catch (IOException exception) when (!IsClosed(exception))
            {
                Interlocked.Increment(ref _droppedByWriteError);
            }
        }
    }

    private async Task CopyBatchesAsync(IBatchIPDevice batchSource, IBatchIPDevice batchDestination, CancellationToken stop)
    {
        int size = Math.Max(1, Math.Min(options.BatchSize, Math.Min(batchSource.MaxBatch, batchDestination.MaxBatch)));

        // One pinned block: devices that hand the memory to system calls don't pin it again for each.
        byte[] block = GC.AllocateUninitializedArray<byte>(size * PacketBuffer.MaxPacketLength, pinned: true);
        PacketBuffer[] packets = new PacketBuffer[size];
        for (int i = 0; i < size; i++)
        {
            packets[i] = new PacketBuffer(block.AsMemory(i * PacketBuffer.MaxPacketLength, PacketBuffer.MaxPacketLength));
        }

        while (true)
        {
            int count = await batchSource.ReadBatchAsync(packets, stop).ConfigureAwait(false);
            if (count == 0)
            {
                return;
            }

            try
            {
                await batchDestination.WriteBatchAsync(packets.AsMemory(0, count), stop).ConfigureAwait(false);
                long bytes = 0;
                for (int i = 0; i < count; i++)
                {
                    bytes += packets[i].Length;
                }

                Count(count, bytes);
            }
            catch (IOException exception) when (!IsClosed(exception))
            {
                Interlocked.Add(ref _droppedByWriteError, count);
            }
        }
    }

    private void Count(int packets, long bytes)
    {
        Volatile.Write(ref _packets, _packets + packets);
        Volatile.Write(ref _bytes, _bytes + bytes);
        Volatile.Write(ref _batches, _batches + 1);
    }
}
