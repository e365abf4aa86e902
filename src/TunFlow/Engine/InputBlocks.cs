using TunFlow.Interop;
using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow;

/// <summary>The memory a TUN is read into: blocks that the stack may keep instead of copying what lies in them.</summary>
/// <remarks>
/// Packets are placed one behind the other as long as the largest possible one still fits, so that a batch of small packets stays in one
/// block. At the start of a batch the blocks nobody keeps are used again, the others are given away and replaced. Used by one thread.
/// </remarks>
internal sealed unsafe class InputBlocks
{
    /// <summary>What one read may need.</summary>
    public const int Space = PacketBuffer.MaxPacketLength;

    /// <summary>The most that a block can have.</summary>
    private const int BlockSize = 128 * 1024;

    // A batch ends at 256 KB; a block that no further packet fits into holds more than half of its size.
    private const int BlockCount = 5;
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

    /// <summary>Starts a batch: what was placed before has been passed to the stack.</summary>
    public void Begin()
    {
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
    public bool TryGetSpace(out byte* space, out bool inBlock)
    {
        if (BlockSize - _offset < Space)
        {
            _current++;
            _offset = 0;
        }

        inBlock = true;
        space = null;
        if (_current >= BlockCount)
            return false;
        if (_blocks[_current] == 0)
            _blocks[_current] = (nint)_stack.AllocateBlock(BlockSize);
        if (_blocks[_current] != 0)
        {
            space = (byte*)_blocks[_current] + _offset;
            return true;
        }

        // The stack's memory is used up: packets go in one at a time, from memory that the stack doesn't count, so that the
        // acknowledgments that free some still get through.
        if (_reserveUsed)
            return false;
        inBlock = false;
        if (_reserve is null)
            _reserve = (byte*)System.Runtime.InteropServices.NativeMemory.Alloc(Space);
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
