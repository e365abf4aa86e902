using System.Runtime.CompilerServices;
using TunFlow.Devices.Linux;
using TunFlow.Network;

namespace TunFlow.Devices;

// One read at a time: _reading is the token, and whoever holds it owns the fields below. A read tries the descriptor first and only waits
// if there is nothing, so a reader that keeps up with a busy device makes one system call a packet and no thread hop.
public sealed partial class LinuxTunDevice
{
    private const int Reading = 1;
    private const int Claimed = 2;

    private readonly TcpSegmenter _segmenter = new();
    private byte[]? _superPacket;
    private int _reading;

    /// <inheritdoc/>
    /// <remarks>Always whole, ordinary packets: super-packets are cut, and partial checksums completed, in software. Readers who can take offloads use <see cref="ReadBatchAsync"/>.</remarks>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!TryBeginRead(cancellationToken, out ValueTask<int> refused))
        {
            return refused;
        }

        try
        {
            ArgumentOutOfRangeException.ThrowIfZero(buffer.Length, nameof(buffer));
            TunReadStatus status = TryReadOne(buffer, out int length);
            return status == TunReadStatus.WouldBlock ? ReadSlowAsync(buffer, cancellationToken) : EndRead(length);
        }
        catch (Exception exception)
        {
            return EndRead(exception);
        }
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadBatchAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken = default)
    {
        if (!TryBeginRead(cancellationToken, out ValueTask<int> refused))
        {
            return refused;
        }

        try
        {
            ArgumentOutOfRangeException.ThrowIfZero(packets.Length, nameof(packets));
            int count = TryReadMany(packets.Span, out TunReadStatus status);
            return count == 0 && status == TunReadStatus.WouldBlock ? ReadBatchSlowAsync(packets, cancellationToken) : EndRead(count);
        }
        catch (Exception exception)
        {
            return EndRead(exception);
        }
    }

    /// <summary>Takes the reading side for good: from now on only the caller reads, through <see cref="Descriptor"/>.</summary>
    internal TunDescriptor ClaimReader()
    {
        if (Interlocked.CompareExchange(ref _reading, Claimed, 0) != 0)
        {
            throw new InvalidOperationException("Another read of the device is pending.");
        }

        return _descriptor;
    }

    /// <summary>Gives the reading side back.</summary>
    internal void ReleaseReader() => Volatile.Write(ref _reading, 0);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadSlowAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await WaitReadableAsync(cancellationToken).ConfigureAwait(false);
                if (TryReadOne(buffer, out int length) != TunReadStatus.WouldBlock)
                {
                    return length;
                }
            }
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadBatchSlowAsync(Memory<PacketBuffer> packets, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await WaitReadableAsync(cancellationToken).ConfigureAwait(false);
                int count = TryReadMany(packets.Span, out TunReadStatus status);
                if (count != 0 || status != TunReadStatus.WouldBlock)
                {
                    return count;
                }
            }
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }

    private bool TryBeginRead(CancellationToken cancellationToken, out ValueTask<int> refused)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            refused = ValueTask.FromCanceled<int>(cancellationToken);
            return false;
        }

        int before = Interlocked.CompareExchange(ref _reading, Reading, 0);
        refused = before switch
        {
            0 => default,
            Claimed => ValueTask.FromException<int>(new InvalidOperationException("The device is read by a tunnel.")),
            _ => ValueTask.FromException<int>(new InvalidOperationException("Another read of the device is pending.")),
        };
        return before == 0;
    }

    private ValueTask<int> EndRead(int result)
    {
        Volatile.Write(ref _reading, 0);
        return ValueTask.FromResult(result);
    }

    private ValueTask<int> EndRead(Exception exception)
    {
        Volatile.Write(ref _reading, 0);
        return ValueTask.FromException<int>(exception);
    }

    private ValueTask WaitReadableAsync(CancellationToken cancellationToken)
    {
        TunReadiness? readiness = Volatile.Read(ref _readiness);
        if (readiness is null)
        {
            lock (_lifetime)
            {
                if (_disposed)
                {
                    return ValueTask.CompletedTask; // the next look at the descriptor says that it is closed
                }

                readiness = _readiness ??= new TunReadiness(_descriptor, Name.Length == 0 ? "device" : Name);
            }
        }

        return readiness.WaitAsync(cancellationToken);
    }
}
