using TunFlow.Interop;
using TunFlow.Lwip;

namespace TunFlow;

/// <summary>The memory a TUN is read into: blocks that the stack may keep instead of copying what lies in them.</summary>
/// <remarks>
/// Packets are placed one behind the other as long as the largest possible one still fits, so that a batch of small packets stays in one
/// block. At the start of a batch the blocks nobody keeps are used again, the others are given away and replaced. Used by one thread.
/// </remarks>
internal sealed unsafe class InputBlocks
{
    // A flow is charged with the whole block that it keeps, so a block isn't larger than the largest packet.
    private const int BlockSize = 64 * 1024;
    private const int BlockCount = 16;
    private const int Alignment = 16;

    private readonly LwipDevice _stack;
    private readonly nint[] _blocks = new nint[BlockCount];
    private byte* _reserve;
    private int _current;
    private int _offset;
    private bool _reserveUsed;

    public InputBlocks(LwipDevice stack)
    {
        _stack = stack;
    }

    /// <summary>What one read may need, in bytes.</summary>
    public int Space { get; private set; }

    /// <summary>Starts a batch: what was placed before has been passed to the stack.</summary>
    public void Begin(int space)
    {
        Space = space;
        for (int i = 0; i < BlockCount; i++)
        {
            byte* block = (byte*)_blocks[i];
            if (block is not null && NativeMethods.tf_block_shared(block) != 0)
            {
                NativeMethods.tf_block_free(block);
                _blocks[i] = 0;
            }
        }

        _current = 0;
        _offset = 0;
        _reserveUsed = false;
    }

    /// <summary>Room for the largest packet. False when the batch has to end.</summary>
    public bool TryGetSpace(out byte* space, out byte* block)
    {
        if (BlockSize - _offset < Space)
        {
            _current++;
            _offset = 0;
        }

        block = null;
        space = null;
        if (_current >= BlockCount)
            return false;
        if (_blocks[_current] == 0)
            _blocks[_current] = (nint)_stack.AllocateBlock(BlockSize);
        if (_blocks[_current] != 0)
        {
            block = (byte*)_blocks[_current];
            space = block + _offset;
            return true;
        }

        // The stack's memory is used up: packets go in one at a time, from memory that the stack doesn't count, so that the
        // acknowledgments that free some still get through.
        if (_reserveUsed)
            return false;
        if (_reserve is null)
            _reserve = (byte*)System.Runtime.InteropServices.NativeMemory.Alloc(BlockSize);
        space = _reserve;
        return true;
    }

    /// <summary>A packet of this length was placed where <see cref="TryGetSpace"/> said.</summary>
    public void Take(int length)
    {
        if (_blocks[_current] == 0)
            _reserveUsed = true;
        else
            _offset += (length + Alignment - 1) & ~(Alignment - 1);
    }

    /// <summary>Gives everything back.</summary>
    public void Free()
    {
        for (int i = 0; i < BlockCount; i++)
        {
            NativeMethods.tf_block_free((byte*)_blocks[i]);
            _blocks[i] = 0;
        }

        System.Runtime.InteropServices.NativeMemory.Free(_reserve);
        _reserve = null;
    }
}
