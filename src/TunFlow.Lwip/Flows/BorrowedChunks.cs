using System.Buffers;
using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>Received bytes of a flow, piece by piece, from where they lie in native memory.</summary>
/// <remarks>
/// One borrow shows up to <see cref="NativeMethods.TF_MAX_SLICES"/> pieces. What was written to the upstream is given back when all of them
/// were written, so that the window opens once for many pieces, or with <see cref="Flush"/> when a write takes longer than the call.
/// Until then it keeps the window closed, which is the back-pressure on the application.
/// </remarks>
internal sealed unsafe class BorrowedChunks
{
    /// <summary>From this size on a piece is written from where it lies; smaller ones are worth a copy to save the upstream's call for each.</summary>
    private const int DirectWrite = 16 * 1024;

    private const int GatherBuffer = 64 * 1024;

    private readonly LwipFlow _flow;
    private readonly NativeMemory _window = new();
    private TfSlice[] _slices = [];
    private byte[]? _gathered;
    private int _next;
    private int _count;
    private int _chunk;
    private int _written;

    public BorrowedChunks(LwipFlow flow)
    {
        _flow = flow;
    }

    /// <summary>The next bytes to write; empty when there are none yet, or (<paramref name="end"/>) none will come. Bytes are followed by <see cref="Written"/> or <see cref="GiveUp"/>. False when the flow broke and everything received before was taken.</summary>
    public bool TryNext(out ReadOnlyMemory<byte> chunk, out bool end)
    {
        end = false;
        chunk = default;
        if (_next == _count)
        {
            _next = 0;
            _count = 0;
            Span<TfSlice> shown = stackalloc TfSlice[NativeMethods.TF_MAX_SLICES];
            int total = _flow.Borrow(shown, out int count, out end);
            if (total <= 0)
                return total == 0;
            end = false;
            _count = count;
            // A flow over which nothing was sent holds no room for pieces.
            if (_slices.Length == 0)
                _slices = new TfSlice[NativeMethods.TF_MAX_SLICES];
            shown[..count].CopyTo(_slices);
        }

        chunk = _next + 1 == _count || _slices[_next].Length >= DirectWrite ? ShowSlice() : Gather();
        _chunk = chunk.Length;
        return true;
    }

    private Memory<byte> ShowSlice()
    {
        TfSlice slice = _slices[_next++];
        return _window.Attach(slice.Data, (int)slice.Length);
    }

    private Memory<byte> Gather()
    {
        _gathered = ArrayPool<byte>.Shared.Rent(GatherBuffer);
        int length = 0;
        for (; _next < _count; _next++)
        {
            TfSlice slice = _slices[_next];
            if (slice.Length > (ulong)(GatherBuffer - length) || (slice.Length >= DirectWrite && length > 0))
                break;
            new ReadOnlySpan<byte>(slice.Data, (int)slice.Length).CopyTo(_gathered.AsSpan(length));
            length += (int)slice.Length;
        }

        return _gathered.AsMemory(0, length);
    }

    /// <summary>The bytes of <see cref="TryNext"/> were written.</summary>
    public void Written()
    {
        Release();
        _written += _chunk;
        if (_next == _count)
        {
            int written = _written;
            _written = 0;
            _flow.ReturnBorrowed(written);
        }
    }

    /// <summary>A write takes its time: what was written before it opens the window now.</summary>
    public void Flush()
    {
        if (_written == 0)
            return;
        int written = _written;
        _written = 0;
        _flow.Consume(written);
    }

    /// <summary>The write failed: nothing more will be taken.</summary>
    public void GiveUp()
    {
        Release();
        _next = _count;
        _flow.ReturnBorrowed(_written);
        _written = 0;
    }

    private void Release()
    {
        _window.Detach();
        if (_gathered is not { } buffer)
            return;
        _gathered = null;
        ArrayPool<byte>.Shared.Return(buffer);
    }
}
