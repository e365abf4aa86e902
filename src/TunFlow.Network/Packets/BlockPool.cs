namespace TunFlow.Network;

/// <summary>Blocks of 64 KiB, which hold any datagram, for the short time between "something is there" and its delivery.</summary>
/// <remarks>
/// Not the shared array pool: that keeps blocks per thread, and a session wakes up on another pool thread each time, so under load it would allocate a
/// block for every thread there is, again after each trimming. Here any thread finds any block. Blocks beyond the bound are left to the collector.
/// </remarks>
internal static class BlockPool
{
    /// <summary>The size of a block in bytes.</summary>
    public const int BlockSize = 65_536;

    private const int SlotsPerProcessor = 4;

    private static readonly byte[]?[] s_slots = new byte[]?[SlotsPerProcessor * Math.Max(2, Environment.ProcessorCount)];

    /// <summary>Takes a block; its content is anything.</summary>
    public static byte[] Rent()
    {
        byte[]?[] slots = s_slots;
        int start = Start(slots.Length);
        for (int i = 0; i < slots.Length; i++)
        {
            ref byte[]? slot = ref slots[(start + i) % slots.Length];
            if (slot is not null && Interlocked.Exchange(ref slot, null) is { } block)
            {
                return block;
            }
        }

        return GC.AllocateUninitializedArray<byte>(BlockSize);
    }

    /// <summary>Gives a block back. The caller must be sure that nobody writes to it any more.</summary>
    public static void Return(byte[] block)
    {
        byte[]?[] slots = s_slots;
        int start = Start(slots.Length);
        for (int i = 0; i < slots.Length; i++)
        {
            ref byte[]? slot = ref slots[(start + i) % slots.Length];
            if (slot is null && Interlocked.CompareExchange(ref slot, block, null) is null)
            {
                return;
            }
        }
    }

    // Processors start at different slots, so that they rarely touch the same ones.
    private static int Start(int slots) => Thread.GetCurrentProcessorId() * SlotsPerProcessor % slots;
}
