using System.Buffers;

namespace TunFlow.Lwip;

/// <summary>Shows a piece of native memory as <see cref="Memory{T}"/> for the time of one asynchronous call.</summary>
/// <remarks>
/// Reused for call after call: <see cref="Attach"/>, pass <see cref="MemoryManager{T}.Memory"/> on, <see cref="Detach"/>. Code that keeps the
/// memory beyond its call, against the contract, gets an exception after that instead of reading freed memory.
/// </remarks>
internal sealed unsafe class NativeMemory : MemoryManager<byte>
{
    private byte* _pointer;
    private int _length;

    public Memory<byte> Attach(byte* pointer, int length)
    {
        _pointer = pointer;
        _length = length;
        return CreateMemory(length);
    }

    public void Detach()
    {
        _length = 0;
        _pointer = null;
    }

    public override Span<byte> GetSpan() => new(_pointer, _length);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length);
        return new MemoryHandle(_pointer + elementIndex);
    }

    public override void Unpin()
    {
        // Native memory doesn't move.
    }

    protected override void Dispose(bool disposing) => Detach();
}
