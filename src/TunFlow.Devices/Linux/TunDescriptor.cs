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

    /// <summary>Waits until a packet can be read, <paramref name="wake"/> is set, the descriptor is closed or the time is over.</summary>
    /// <param name="wake">Another reason to stop waiting, or null.</param>
    /// <param name="timeout">How long, with the resolution of the system's timers; <see cref="Timeout.InfiniteTimeSpan"/> for ever.</param>
    internal TunWaitResult Wait(EventDescriptor? wake, TimeSpan timeout)
    {
        const short Ready = PollCalls.PollIn | PollCalls.PollError | PollCalls.PollHangUp | PollCalls.PollInvalid;
        bool handleAdded = false, closingAdded = false, wakeAdded = false;
        try
        {
            // Held for the whole wait: another thread's Dispose must not let the number go to somebody else's file.
            _handle.DangerousAddRef(ref handleAdded);
            _closing.Handle.DangerousAddRef(ref closingAdded);
            wake?.Handle.DangerousAddRef(ref wakeAdded);
            PollEntry* entries = stackalloc PollEntry[3];
            entries[0] = new PollEntry { Descriptor = Number(_handle), Events = PollCalls.PollIn };
            entries[1] = new PollEntry { Descriptor = Number(_closing.Handle), Events = PollCalls.PollIn };
            entries[2] = new PollEntry { Descriptor = wake is null ? -1 : Number(wake.Handle), Events = PollCalls.PollIn };
            Timespec time = Timespec.From(timeout < TimeSpan.Zero ? TimeSpan.Zero : timeout);
            int count = PollCalls.Poll(entries, 3, timeout == Timeout.InfiniteTimeSpan ? null : &time, null);
            if (count < 0)
            {
                // A signal: as good as a timeout to a caller who looks at the clock and waits again.
                int errno = Errno.Last;
                return errno == Errno.Interrupted ? TunWaitResult.Timeout : throw Errno.Exception(errno, "Cannot wait for the TUN device");
            }

            return ((entries[0].Returned & Ready) != 0 ? TunWaitResult.Readable : 0)
                | ((entries[1].Returned & Ready) != 0 ? TunWaitResult.Closed : 0)
                | ((entries[2].Returned & Ready) != 0 ? TunWaitResult.Event : 0);
        }
        catch (ObjectDisposedException)
        {
            return TunWaitResult.Closed;
        }
        finally
        {
            Release(_handle, handleAdded);
            Release(_closing.Handle, closingAdded);
            if (wake is not null)
            {
                Release(wake.Handle, wakeAdded);
            }
        }
    }

    private static int Number(SafeFileHandle handle) => (int)handle.DangerousGetHandle();

    private static void Release(SafeFileHandle handle, bool added)
    {
        if (added)
        {
            handle.DangerousRelease();
        }
    }
}
