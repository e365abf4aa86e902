using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>The last packets of a stack, taken out before it is destroyed: the RSTs that tell every application.</summary>
internal sealed unsafe class FinalOutput
{
    private readonly Lock _gate = new();
    private readonly Queue<nint> _entries = new();
    private int _count;

    public bool HasOutput => Volatile.Read(ref _count) != 0;

    public void Add(TfOutput** entries, int count)
    {
        lock (_gate)
        {
            for (int i = 0; i < count; i++)
                _entries.Enqueue((nint)entries[i]);
            Volatile.Write(ref _count, _entries.Count);
        }
    }

    public int Take(TfOutput** entries, int most)
    {
        if (!HasOutput)
            return 0;
        lock (_gate)
        {
            int taken = 0;
            while (taken < most && _entries.TryDequeue(out nint entry))
                entries[taken++] = (TfOutput*)entry;
            Volatile.Write(ref _count, _entries.Count);
            return taken;
        }
    }

    /// <summary>Frees what nobody took.</summary>
    public void Free()
    {
        TfOutput* entry;
        while (Take(&entry, 1) == 1)
            NativeMethods.tf_output_free(&entry, 1);
    }

    ~FinalOutput()
    {
        // A device that was disposed without anybody reading the rest.
        Free();
    }
}
