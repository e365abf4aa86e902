using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>From the application to the upstream.</content>
internal sealed partial class FlowRelay
{
    private async Task<PumpEnd> PumpUpAsync(StreamConnection upstream)
    {
        BorrowedChunks received = new(_flow);
        while (true)
        {
            ReadOnlyMemory<byte> chunk = default;
            bool end = true;
            if (!_flow.ReadsAborted && !received.TryNext(out chunk, out end))
                return PumpEnd.FlowBroken;
            if (chunk.IsEmpty && !end)
            {
                await _flow.WaitReadableAsync(CancellationToken.None).ConfigureAwait(false);
                continue;
            }

            if (end)
                return _flow.ReadsAborted ? GiveUp(received) : await CompleteAsync(upstream).ConfigureAwait(false);

            try
            {
                ValueTask write = upstream.WriteAsync(chunk, CancellationToken.None);
                if (!write.IsCompleted)
                    received.Flush();
                await write.ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                received.GiveUp();
                return Broken(exception);
            }

            received.Written();
            Volatile.Write(ref _bytesUp, _bytesUp + chunk.Length);
            Interlocked.Add(ref _context.Counters.StreamBytesUp, chunk.Length);
        }
    }

    private static PumpEnd GiveUp(BorrowedChunks received)
    {
        received.GiveUp();
        return PumpEnd.UpstreamBroken;
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
