using Microsoft.Win32.SafeHandles;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Linux;

/// <summary>A TUN's descriptor: non-blocking reads and writes of single packets, and the wait for the next one.</summary>
/// <remarks>
/// Nothing here allocates. Reads are made by one thread at a time, writes by any number. With <see cref="HasHeader"/> the kernel puts a
/// <see cref="VirtioHeader"/> in front of each packet and expects one.
/// </remarks>
internal sealed unsafe partial class TunDescriptor : IDisposable
{
    /// <summary>Writable bytes that the first slice of <see cref="TryWrite(Span{IoVector}, long, in PacketOffload)"/> has in front of its data.</summary>
    internal const int Headroom = 16;

    private readonly SafeFileHandle _handle;
    private readonly bool _ownsHandle;
    private readonly EventDescriptor _closing = new();
    private int _consecutiveReadErrors;
    private volatile bool _closed;
    private volatile int _failure;

    /// <param name="handle">Must be non-blocking; becomes this object's if <paramref name="ownsHandle"/>.</param>
    /// <param name="ownsHandle">Whether to close it.</param>
    /// <param name="hasHeader">Whether IFF_VNET_HDR is set, with headers of <see cref="VirtioHeader.Size"/> bytes.</param>
    internal TunDescriptor(SafeFileHandle handle, bool ownsHandle, bool hasHeader)
    {
        _handle = handle;
        _ownsHandle = ownsHandle;
        HasHeader = hasHeader;
    }

    internal bool HasHeader { get; }

    internal TunCounters Counters { get; } = new();

    /// <summary>Readable once <see cref="Close"/> was called, and never reset.</summary>
    internal EventDescriptor Closing => _closing;

    internal SafeFileHandle Handle => _handle;

    /// <summary>Closed by its owner.</summary>
    internal bool IsClosed => _closed;

    /// <summary>The errno that ended the device, 0 while it works.</summary>
    internal int Failure => _failure;

    /// <summary>Ends all waits and makes every later call answer Closed. The descriptor itself stays open until <see cref="Dispose"/>.</summary>
    internal void Close()
    {
        _closed = true;
        _closing.Set();
    }

    /// <summary>Closes what is owned. A call that is in the kernel at this moment finishes first.</summary>
    public void Dispose()
    {
        Close();
        _closing.Dispose();
        if (_ownsHandle)
        {
            _handle.Dispose();
        }
    }
}
