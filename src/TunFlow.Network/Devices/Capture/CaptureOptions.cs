using System.Text;

namespace TunFlow.Network;

/// <summary>Options of a <see cref="PacketCapture"/>. Immutable.</summary>
public sealed record CaptureOptions
{
    // Two buffers take turns; each has to hold the largest packet.
    private const int MinQueueBytes = 256 * 1024;
    private const int MaxQueueBytes = 1024 * 1024 * 1024;
    private const int MaxTextBytes = 1024;

    private readonly int _snapLength = PacketBuffer.MaxPacketLength;
    private readonly int _queueBytes = 4 * 1024 * 1024;
    private readonly long _maxBytes = long.MaxValue;
    private readonly string? _interfaceName;
    private readonly string? _interfaceDescription;
    private readonly TimeSpan _closeTimeout = TimeSpan.FromSeconds(5);
    private readonly PacketDirection _outbound = PacketDirection.Read;
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>How many bytes of each packet are kept, 1 to 65,535; by default all. The length that a packet had is recorded in any case.</summary>
    public int SnapLength
    {
        get => _snapLength;
        init => _snapLength = InRange(value, 1, PacketBuffer.MaxPacketLength);
    }

    /// <summary>Memory for packets that wait to be written, in bytes, 256 KiB to 1 GiB; 4 MiB by default. Allocated while the capture runs. Packets that don't fit are not recorded, and counted.</summary>
    public int QueueBytes
    {
        get => _queueBytes;
        init => _queueBytes = InRange(value, MinQueueBytes, MaxQueueBytes);
    }

    /// <summary>The size in bytes that the file may reach: the first packet that would exceed it ends the capture. At least 4,096; unlimited by default.</summary>
    public long MaxBytes
    {
        get => _maxBytes;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 4096);
            _maxBytes = value;
        }
    }

    /// <summary>The interface's name as viewers show it, at most 1,024 bytes of UTF-8; null for none.</summary>
    public string? InterfaceName
    {
        get => _interfaceName;
        init => _interfaceName = Text(value);
    }

    /// <summary>The interface's description, likewise.</summary>
    public string? InterfaceDescription
    {
        get => _interfaceDescription;
        init => _interfaceDescription = Text(value);
    }

    /// <summary>
    /// Which direction is marked as outbound. By default what is read from the device, as a capture tool of the system shows it for a TUN: the
    /// system's applications send it. For a device on the other side, an IP stack for instance, it is what is written.
    /// </summary>
    public PacketDirection Outbound
    {
        get => _outbound;
        init => _outbound = value is PacketDirection.Read or PacketDirection.Written ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "There are two directions.");
    }

    /// <summary>Chooses the packets to record; null for all.</summary>
    public CaptureFilter? Filter { get; init; }

    /// <summary>Whether a stream passed as target stays open after the capture. Default false.</summary>
    public bool LeaveOpen { get; init; }

    /// <summary>How long stopping waits for a target that doesn't take what is left; then the rest is given up. 1 millisecond to 10 minutes; 5 seconds by default.</summary>
    public TimeSpan CloseTimeout
    {
        get => _closeTimeout;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(1));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromMinutes(10));
            _closeTimeout = value;
        }
    }

    /// <summary>The clock of the timestamps (wall-clock time) and of <see cref="CloseTimeout"/>.</summary>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            _timeProvider = value;
        }
    }

    private static int InRange(int value, int least, int most)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most);
        return value;
    }

    private static string? Text(string? value)
    {
        if (value is not null && Encoding.UTF8.GetByteCount(value) > MaxTextBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(value), $"The text is longer than {MaxTextBytes} bytes.");
        }

        return value;
    }
}
