namespace TunFlow.Network;

/// <summary>One direction of a relay.</summary>
internal sealed class StreamRelayDirection(StreamConnection source, StreamConnection destination, StreamRelayState state)
{
    private volatile bool _completing;

    public StreamConnection Destination => destination;

    /// <summary>Whether the end of the source's stream was read, so that the destination's writes are closed because this direction closes them.</summary>
    public bool IsCompleting => _completing;

    /// <summary>Bytes written to the destination.</summary>
    public long Bytes { get; private set; }

    /// <summary>Copies until the end of the source's stream and passes that on. Never throws: errors go to the shared state.</summary>
    public async Task RunAsync()
    {
        // Where no call ever waits, the first direction would otherwise run to its end before the second one starts.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        byte[]? buffer = null;
        try
        {
            while (true)
            {
                if (source.CanWaitForData)
                {
                    ValueTask<int> wait = source.ReadAsync(Memory<byte>.Empty);
                    if (!wait.IsCompleted && buffer is not null)
                    {
                        BlockPool.Return(buffer);
                        buffer = null;
                    }

                    await wait.ConfigureAwait(false);
                }

                buffer ??= BlockPool.Rent();
                int read = await source.ReadAsync(buffer).ConfigureAwait(false);
                if (read == 0)
                {
                    break;
                }

                await destination.WriteAsync(buffer.AsMemory(0, read)).ConfigureAwait(false);
                Bytes += read;
            }

            BlockPool.Return(buffer);
            _completing = true;
            await destination.CompleteWritesAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The buffer isn't returned: a connection of somebody else's making may still hold it after it failed.
            state.Fail(exception);
        }
    }
}
