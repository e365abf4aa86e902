namespace TunFlow.Network;

/// <summary>A recording of what passes a <see cref="CaptureDevice"/>, in pcapng format.</summary>
/// <remarks>
/// <para>Packets are copied into one of two buffers, and a background task writes the other one to the target: traffic never waits for it. What doesn't fit
/// while the target is busy is counted and not recorded. If the target fails, the capture ends, and <see cref="Completion"/> tells why; traffic goes on.</para>
/// <para>All members are safe from any thread. Super-packets are recorded as they are, so a packet can be larger than the MTU. A checksum that was left to the device is completed in the recorded copy.
/// What a read cut off for a short buffer isn't known, and so not part of the recorded length.</para>
/// <para>Whole blocks are written, and files without a buffer of their own: what was written can be read while the capture runs, and after an abrupt end.</para>
/// <para>All members are safe from any thread.</para>
/// </remarks>
public sealed partial class PacketCapture : IAsyncDisposable
{
    private readonly CaptureOptions _options;
    private readonly Stream _target;
    private readonly bool _ownsTarget;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ulong _started;

    // The lock guards everything below; nobody is called under it.
    private readonly Lock _lock = new();
    private readonly ReadSignal _signal = new();
    private byte[]? _filling;
    private byte[]? _spare;
    private TaskCompletionSource? _flush;
    private TaskCompletionSource? _flushing;
    private Exception? _error;
    private int _filled;
    private int _filledPackets;
    private long _total;
    private long _filtered;
    private long _dropped;
    private long _recorded;
    private long _written;
    private long _bytesWritten;
    private bool _stopping;

    internal PacketCapture(Stream target, bool ownsTarget, CaptureOptions options)
    {
        _target = target;
        _ownsTarget = ownsTarget;
        _options = options;
        _started = Now();
        _filling = GC.AllocateUninitializedArray<byte>(options.QueueBytes / 2);
        _spare = GC.AllocateUninitializedArray<byte>(options.QueueBytes / 2);
        byte[] start = PcapngBlocks.Start(options);
        start.CopyTo(_filling, 0);
        _total = _filled = start.Length;
        _ = Task.Run(RunAsync);
    }

    /// <summary>Completes when the capture is over and its target closed. Faults with what ended it if that wasn't its end by <see cref="DisposeAsync"/> or <see cref="CaptureOptions.MaxBytes"/>.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Whether packets are recorded.</summary>
    public bool IsRunning => !Volatile.Read(ref _stopping);

    /// <summary>What was recorded so far. Any thread, also after the end.</summary>
    public CaptureStatistics GetStatistics()
    {
        lock (_lock)
        {
            return new CaptureStatistics
            {
                PacketsSeen = _filtered + _dropped + _recorded,
                PacketsFiltered = _filtered,
                PacketsDropped = _dropped,
                PacketsRecorded = _recorded,
                PacketsWritten = _written,
                BytesWritten = _bytesWritten,
                Errors = _error is null ? 0 : 1,
            };
        }
    }

    /// <summary>Waits until everything recorded so far was written and flushed.</summary>
    /// <param name="cancellationToken">Cancels the wait, not the flush.</param>
    /// <exception cref="IOException">The target failed: its own exception, of whatever type.</exception>
    public Task FlushAsync(CancellationToken cancellationToken = default)
    {
        Task flushed;
        bool wake;
        lock (_lock)
        {
            if (_filling is null)
            {
                // Over; its end was a flush.
                return _completion.Task.WaitAsync(cancellationToken);
            }

            _flush ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            flushed = _flush.Task;
            wake = _signal.TakeWaiter();
        }

        if (wake)
        {
            _signal.Wake();
        }

        return flushed.WaitAsync(cancellationToken);
    }

    /// <summary>Stops recording, writes what is left, and closes the target. Doesn't throw what <see cref="Completion"/> tells.</summary>
    public async ValueTask DisposeAsync()
    {
        Stop();
        try
        {
            await _completion.Task.WaitAsync(_options.CloseTimeout, _options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException exception) when (!_completion.Task.IsCompleted)
        {
            GiveUp(exception);
        }
        catch (Exception) when (_completion.Task.IsCompleted)
        {
            // Completion tells.
        }
    }

    /// <summary>Records a packet; quick, and never throws.</summary>
    internal void Record(in PacketBuffer packet, PacketDirection direction) => Record(packet.Packet.Span, packet.Offload, direction, Now());

    internal void Record(ReadOnlySpan<byte> packet, in PacketOffload offload, PacketDirection direction, ulong now)
    {
        if (!IsRunning || !Wants(packet, direction))
        {
            return;
        }

        int captured = Math.Min(packet.Length, _options.SnapLength);
        int size = PcapngBlocks.PacketSize(captured);

        // 64 KiB may have to be summed up: not under the lock.
        int field = -1;
        ushort checksum = 0;
        bool completes = offload.Checksum == ChecksumState.Partial && PartialChecksum.TryCompute(packet, offload, out field, out checksum);
        bool wake = false;
        lock (_lock)
        {
            if (_stopping || _filling is null)
            {
                return;
            }

            if (_total + size + PcapngBlocks.EndSize > _options.MaxBytes)
            {
                _stopping = true;
                wake = _signal.TakeWaiter();
            }
            else if (_filling.Length - _filled < size)
            {
                _dropped++;
            }
            else
            {
                Span<byte> copy = PcapngBlocks.WritePacket(_filling.AsSpan(_filled, size), now, captured, packet.Length, direction == _options.Outbound);
                packet[..captured].CopyTo(copy);
                if (completes && field + sizeof(ushort) <= captured)
                {
                    InternetChecksum.Store(copy[field..], checksum);
                }

                _filled += size;
                _total += size;
                _filledPackets++;
                _recorded++;
                wake = _signal.TakeWaiter();
            }
        }

        if (wake)
        {
            _signal.Wake();
        }
    }

    /// <summary>Nanoseconds since 1970. The format knows nothing earlier, a clock that was never set may.</summary>
    internal ulong Now() => (ulong)Math.Max(0, (_options.TimeProvider.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks) * 100;

    private bool Wants(ReadOnlySpan<byte> packet, PacketDirection direction)
    {
        if (_options.Filter is not { } filter)
        {
            return true;
        }

        try
        {
            if (filter(packet, direction))
            {
                return true;
            }
        }
        catch (Exception exception)
        {
            // The filter is the capture's user's: it ends the capture, not the traffic.
            Fail(exception);
            return false;
        }

        lock (_lock)
        {
            // What the end of the file tells is final.
            _filtered += _stopping ? 0 : 1;
        }

        return false;
    }
}
