namespace TunFlow.Lwip;

/// <summary>Managed counterparts of native ids, indexed by the id's slot. Used under the stack's lock only.</summary>
internal sealed class SlotTable<T>
    where T : class, IStackEndpoint
{
    private const uint SlotMask = (1u << 24) - 1;
    private const int FirstCapacity = 64;

    private T?[] _slots = new T?[FirstCapacity];

    public int Count { get; private set; }

    /// <summary>Null for an id whose slot is empty or belongs to a later generation.</summary>
    public T? Find(ulong id)
    {
        uint slot = (uint)id & SlotMask;
        return slot < (uint)_slots.Length && _slots[slot] is { } found && found.Id == id ? found : null;
    }

    /// <summary>Adds an endpoint; returns the one whose slot it takes, if native code gave the slot away without waiting for a close.</summary>
    public T? Add(T endpoint)
    {
        uint slot = (uint)endpoint.Id & SlotMask;
        if (slot >= (uint)_slots.Length)
            Array.Resize(ref _slots, (int)Math.Max(slot + 1, Math.Min((uint)_slots.Length * 2, SlotMask + 1)));

        T? previous = _slots[slot];
        _slots[slot] = endpoint;
        if (previous is null)
            Count++;
        return previous;
    }

    public bool Remove(T endpoint)
    {
        uint slot = (uint)endpoint.Id & SlotMask;
        if (slot >= (uint)_slots.Length || !ReferenceEquals(_slots[slot], endpoint))
            return false;
        _slots[slot] = null;
        Count--;
        return true;
    }

    public T[] ToArray()
    {
        T[] all = new T[Count];
        int next = 0;
        foreach (T? endpoint in _slots)
        {
            if (endpoint is not null)
                all[next++] = endpoint;
        }

        return all;
    }
}
