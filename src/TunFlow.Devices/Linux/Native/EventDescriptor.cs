using Microsoft.Win32.SafeHandles;

namespace TunFlow.Devices.Linux.Native;

/// <summary>An eventfd: wakes a thread that waits in epoll.</summary>
internal sealed unsafe class EventDescriptor : IDisposable
{
    internal EventDescriptor()
    {
        int descriptor = PollCalls.EventDescriptor(0, PollCalls.EventCloseOnExec | PollCalls.EventNonBlocking);
        if (descriptor < 0)
        {
            throw Errno.Exception(Errno.Last, "Cannot create an event descriptor");
        }

        Handle = new SafeFileHandle(descriptor, ownsHandle: true);
    }

    internal SafeFileHandle Handle { get; }

    /// <summary>Makes the descriptor readable. Any thread; does nothing once disposed.</summary>
    internal void Set()
    {
        // The counter is at its maximum only if somebody signalled 2^64 times without a reader: readable all the same.
        ulong one = 1;
        try
        {
            _ = PollCalls.WriteEvent(Handle, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // The waiter is gone: nobody to wake.
        }
    }

    public void Dispose() => Handle.Dispose();
}
