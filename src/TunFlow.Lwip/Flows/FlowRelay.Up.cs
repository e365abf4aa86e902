using System.Buffers;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>From the application to the upstream.</content>
internal sealed partial class FlowRelay
{
    /// <summary>From this size on a piece is written from where it lies; smaller ones are worth a copy to save the upstream's call for each.</summary>
    private const int DirectWrite = 16 * 1024;

    private const int GatherBuffer = 64 * 1024;

    private NativeMemory? _upWindow;
    private byte[]? _gathered;

    private async Task<PumpEnd> PumpUpAsync(StreamConnection upstream)
    {
        while (true)
        {
            ReadOnlyMemory<byte> chunk;
            bool end;
            try
            {
                chunk = NextChunk(out end);
                if (chunk.IsEmpty && !end)
                {
                    await _flow.WaitReadableAsync(CancellationToken.None).ConfigureAwait(false);
                    continue;
                }
            }
            catch (NetworkException)
            {
                return PumpEnd.FlowBroken;
            }

            if (end)
                return _flow.ReadsAborted ? PumpEnd.UpstreamBroken : await CompleteAsync(upstream).ConfigureAwait(false);

            int consumed = 0;
            try
            {
                await upstream.WriteAsync(chunk, CancellationToken.None).ConfigureAwait(false);
                consumed = chunk.Length;
            }
            catch (Exception exception)
            {
                return Broken(exception);
            }
            finally
            {
                ReleaseChunk(consumed);
            }
        }
    }

    private async Task<PumpEnd> CompleteAsync(StreamConnection upstream)
    {
        try
        {
            await upstream.CompleteWritesAsync(CancellationToken.None).ConfigureAwait(false);
            return PumpEnd.Orderly;
        }
        catch (Exception exception)
        {
            return Broken(exception);
        }
    }

    /// <summary>Bytes to write, which stay in the flow (and keep its window closed) until <see cref="ReleaseChunk"/>.</summary>
    private unsafe ReadOnlyMemory<byte> NextChunk(out bool end)
    {
        if (_flow.ReadsAborted)
        {
            end = true;
            return default;
        }

        Span<TfSlice> slices = stackalloc TfSlice[NativeMethods.TF_MAX_SLICES];
        int total = _flow.Borrow(slices, out int count, out end);
        if (total == 0)
            return default;

        end = false;
        if (count == 1 || slices[0].Length >= DirectWrite)
            return (_upWindow ??= new NativeMemory()).Attach(slices[0].Data, (int)slices[0].Length);

        _gathered = ArrayPool<byte>.Shared.Rent(GatherBuffer);
        int length = 0;
        foreach (ref readonly TfSlice slice in slices[..count])
        {
            int take = (int)Math.Min(slice.Length, (ulong)(GatherBuffer - length));
            new ReadOnlySpan<byte>(slice.Data, take).CopyTo(_gathered.AsSpan(length));
            length += take;
        }

        return _gathered.AsMemory(0, length);
    }

    private void ReleaseChunk(int consumed)
    {
        _upWindow?.Detach();
        if (_gathered is { } buffer)
        {
            _gathered = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }

        _flow.ReturnBorrowed(consumed);
        Interlocked.Add(ref _context.Counters.StreamBytesUp, consumed);
    }

    /// <summary>Says which side an exception of an upstream's call belongs to: after the flow's end it is our own Abort that comes back.</summary>
    private PumpEnd Broken(Exception exception)
    {
        if (_flow.IsClosed && _flow.ClosedStatus != NativeStatus.Ok)
            return PumpEnd.FlowBroken;
        if (!Volatile.Read(ref _upstreamAborted))
            _context.Report(exception);
        return PumpEnd.UpstreamBroken;
    }
}
