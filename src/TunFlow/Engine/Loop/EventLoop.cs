using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using TunFlow.Devices.Linux.Native;

namespace TunFlow;

/// <summary>One epoll set and its table of who waits. Descriptors leave the set when they are closed.</summary>
/// <remarks>Events carry the slot and its generation, so that one of a descriptor that was closed meanwhile reaches nobody.</remarks>
internal sealed unsafe class EventLoop : IDisposable
{
    private const int MostEvents = 64;

    private readonly SafeFileHandle _epoll;
    private readonly byte[] _events = GC.AllocateUninitializedArray<byte>(MostEvents * EpollInterest.MaxSize, pinned: true);
    private readonly Lock _lock = new();
    private readonly Stack<int> _free = new();
    private Slot[] _slots = new Slot[64];
    private Action? _removed;
    private int _used;
    private bool _closed;

    public EventLoop()
    {
        int descriptor = PollCalls.EpollCreate(PollCalls.EpollCloseOnExec);
        if (descriptor < 0)
            throw Errno.Exception(Errno.Last, "Cannot create an epoll set");
        _epoll = new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Makes a place for a target, whose descriptor is named later. False once the loop was closed.</summary>
    public bool TryReserve(IEventTarget target, out ulong id)
    {
        lock (_lock)
        {
            id = 0;
            if (_closed)
                return false;
            if (!_free.TryPop(out int index))
            {
                index = _used++;
                if (index == _slots.Length)
                    Array.Resize(ref _slots, 2 * index);
            }

            ref Slot slot = ref _slots[index];
            slot.Target = target;
            // The id 0 is nobody's.
            if (slot.Generation == 0)
                slot.Generation = 1;
            id = ((ulong)slot.Generation << 32) | (uint)index;
            return true;
        }
    }

    /// <summary>Waits for a target's descriptor from now on; gives its place back on failure.</summary>
    public void Watch(SafeHandle descriptor, uint interest, ulong id)
    {
        byte* added = stackalloc byte[EpollInterest.MaxSize];
        EpollInterest.Set(added, interest, id);
        try
        {
            if (PollCalls.EpollControl(_epoll, PollCalls.EpollAdd, descriptor, added) < 0)
                throw Errno.Exception(Errno.Last, "Cannot wait for a descriptor");
        }
        catch
        {
            Remove(id);
            throw;
        }
    }

    /// <summary>Takes nothing any more, if no more than so many targets are left.</summary>
    public bool TryClose(int most)
    {
        lock (_lock)
            return _closed = _used - _free.Count <= most;
    }

    /// <summary>Takes nothing any more, and tells all that are left. None of them may throw.</summary>
    public void Abandon()
    {
        IEventTarget[] left;
        lock (_lock)
        {
            _closed = true;
            left = [.. _slots.Take(_used).Where(static slot => slot.Target is not null).Select(static slot => slot.Target!)];
        }

        foreach (IEventTarget target in left)
            target.OnAbandoned();
    }

    /// <summary>How many targets there are.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _used - _free.Count;
        }
    }

    /// <summary>Called after a target left.</summary>
    public Action? Removed { private get => Volatile.Read(ref _removed); set => Volatile.Write(ref _removed, value); }

    /// <summary>Forgets a target whose descriptor may stay open.</summary>
    public void Remove(ulong id, nint descriptor)
    {
        Remove(id);
        _ = PollCalls.EpollControl(_epoll, PollCalls.EpollDelete, (int)descriptor, null);
    }

    /// <summary>Forgets a target. The descriptor is closed by its owner.</summary>
    public void Remove(ulong id)
    {
        if (TryForget(id))
            Removed?.Invoke();
    }

    private bool TryForget(ulong id)
    {
        lock (_lock)
        {
            ref Slot slot = ref _slots[(int)(uint)id];
            if (slot.Generation != (uint)(id >> 32) || slot.Target is null)
                return false;
            slot.Target = null;
            slot.Generation++;
            _free.Push((int)(uint)id);
            return true;
        }
    }

    /// <summary>Waits for events, or only looks, and tells their targets.</summary>
    public void Wait(bool block)
    {
        fixed (byte* events = _events)
        {
            int count = PollCalls.EpollWait(_epoll, events, MostEvents, block ? Timeout.Infinite : 0);
            if (count < 0)
            {
                int errno = Errno.Last;
                if (errno == Errno.Interrupted)
                    return;
                throw Errno.Exception(errno, "Cannot wait for descriptors");
            }

            for (int i = 0; i < count; i++)
            {
                byte* one = events + (i * EpollInterest.Size);
                Find(EpollInterest.Data(one))?.OnEvents(EpollInterest.Events(one));
            }
        }
    }

    public void Dispose() => _epoll.Dispose();

    private IEventTarget? Find(ulong id)
    {
        lock (_lock)
        {
            ref Slot slot = ref _slots[(int)(uint)id];
            return slot.Generation == (uint)(id >> 32) ? slot.Target : null;
        }
    }

    private struct Slot
    {
        public IEventTarget? Target;
        public uint Generation;
    }
}
