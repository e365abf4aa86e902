using TunFlow.Interop;

namespace TunFlow.Lwip.Tests.Leaks;

/// <summary>Native memory that outlived its stack: blocks and packets that somebody still holds.</summary>
/// <remarks>
/// The library accounts for it under the place of the stack that it came from, also when that stack is gone. A new stack of a given
/// configuration takes a known amount, so what a place shows beyond that when a stack is made there is what others left.
/// </remarks>
internal static unsafe class OrphanedMemory
{
    private static readonly Lazy<ulong> s_fresh = new(MeasureFresh);

    /// <summary>Bytes left under all places that are free now.</summary>
    public static long Count()
    {
        long fresh = (long)s_fresh.Value;
        List<StackHandle> handles = [];
        long left = 0;
        try
        {
            while (TryCreate() is { } handle)
            {
                handles.Add(handle);
                left += (long)BytesOf(handle) - fresh;
            }
        }
        finally
        {
            handles.ForEach(static handle => handle.Dispose());
        }

        return left;
    }

    /// <summary>The least of all places: at the first call few, if any, have been used.</summary>
    private static ulong MeasureFresh()
    {
        List<StackHandle> handles = [];
        while (TryCreate() is { } handle)
            handles.Add(handle);
        ulong least = handles.Min(BytesOf);
        handles.ForEach(static handle => handle.Dispose());
        return least;
    }

    private static StackHandle? TryCreate()
    {
        TfConfig config;
        NativeMethods.tf_config_default(&config);
        config.MaxFlows = 16;
        config.MaxPending = 16;
        config.MaxPendingSource = 16;
        config.MaxHalfOpen = 16;
        config.MaxSessions = 16;
        TfStatus status = StackHandle.TryCreate(in config, 0, out StackHandle? handle);
        return status is TfStatus.Ok or TfStatus.ELimit ? handle : throw new InvalidOperationException($"A stack for counting could not be made: {status}.");
    }

    private static ulong BytesOf(StackHandle handle)
    {
        TfStats stats;
        _ = NativeMethods.tf_stack_get_stats(handle.Index, &stats);
        return stats.NativeBytes;
    }
}
