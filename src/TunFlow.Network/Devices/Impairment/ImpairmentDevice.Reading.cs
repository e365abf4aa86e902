using System.Buffers;

namespace TunFlow.Network;

/// <content>The way out: a pump takes packets from the device inside, the link impairs them, reads are served from the queue at its end.</content>
public sealed partial class ImpairmentDevice
{
    private readonly PacketQueue _ready;
    private Task? _pump;
    private Exception? _readError;
    private int _pumpStarted;
    private bool _inputEnded;

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        StartPump();
        return _ready.ReadAsync(buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        StartPump();
        return _ready.ReadBatchAsync(packets.Length > BatchSize ? packets[..BatchSize] : packets, cancellationToken);
    }

    private void StartPump()
    {
        if (Volatile.Read(ref _pumpStarted) == 0 && Interlocked.Exchange(ref _pumpStarted, 1) == 0)
        {
            Volatile.Write(ref _pump, Task.Run(PumpAsync));
        }
    }

    /// <summary>Runs from the first read to the end of the device inside, or of this one. Never throws.</summary>
    private async Task PumpAsync()
    {
        Exception? error = null;
        try
        {
            int size = Math.Min(16, _inner.MaxBatch);
            PacketBuffer[] packets = new PacketBuffer[size];
            for (int i = 0; i < size; i++)
            {
                packets[i] = new PacketBuffer(GC.AllocateUninitializedArray<byte>(PacketBuffer.MaxPacketLength, pinned: true));
            }

            int count;
            while (!IsDisposed && (count = await _inner.ReadBatchAsync(packets, CancellationToken.None).ConfigureAwait(false)) > 0)
            {
                TakeIn(packets.AsSpan(0, count));
                ReadDue();
                Schedule();
            }
        }
        catch (Exception exception)
        {
            error = exception; // reads throw it, behind what was on its way
        }

        lock (_timerLock)
        {
            _inputEnded = true;
            _readError = error;
        }

        if (error is null)
        {
            Volatile.Write(ref _closed, 1);
        }

        ReadDue();
        Schedule();
    }

    private void TakeIn(ReadOnlySpan<PacketBuffer> packets)
    {
        long now = _time.GetTimestamp();
        foreach (ref readonly PacketBuffer packet in packets)
        {
            if (!_read.Offer(packet.Packet, packet.Offload, PacketBuffer.MaxPacketLength, now))
            {
                Interlocked.Increment(ref _rejected);
            }
        }
    }

    /// <summary>Moves what is due to where reads find it.</summary>
    private void ReadDue()
    {
        DelayedPacket[] packets = ArrayPool<DelayedPacket>.Shared.Rent(BatchSize);
        bool holding = false;
        int count;
        while ((count = _read.TryTakeDue(packets.AsSpan(0, BatchSize), _time.GetTimestamp(), holding)) > 0)
        {
            holding = true;
            int delivered = 0;
            for (int i = 0; i < count; i++)
            {
                _ready.TryWrite(packets[i].Array.AsSpan(0, packets[i].Length), default, out bool added);
                delivered += added ? 1 : 0;
                ArrayPool<byte>.Shared.Return(packets[i].Array);
            }

            _read.Settle(delivered, count - delivered);
        }

        ArrayPool<DelayedPacket>.Shared.Return(packets, clearArray: true);
        CompleteWhenDrained();
    }

    private void CompleteWhenDrained()
    {
        Exception? error;
        lock (_timerLock)
        {
            if (!_inputEnded || _read.IsBusy)
            {
                return;
            }

            error = _readError;
        }

        _ready.Complete(discard: false, error);
    }
}
