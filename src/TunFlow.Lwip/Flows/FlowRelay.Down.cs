using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>From the upstream to the application.</content>
internal sealed partial class FlowRelay
{
    private const int SmallestBlock = 4 * 1024;
    private const int FirstBlock = 16 * 1024;

    /// <summary>What a packet can hold behind the longer of the IP headers and TCP's.</summary>
    private const int LargestPayload = 65_535 - 40 - 20;

    /// <summary>How many super-packets one read may fill.</summary>
    private const int SuperPackets = 2;

    /// <summary>Until asking again for a block that the byte budget refused: other flows' acknowledgments free some.</summary>
    private static readonly TimeSpan BudgetRetry = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan LongestBudgetRetry = TimeSpan.FromMilliseconds(320);

    private readonly NativeMemory _downWindow = new();
    private unsafe byte* _block;
    private int _blockSize = FirstBlock;
    private int _superPacket;

    private async Task<PumpEnd> PumpDownAsync(StreamConnection upstream)
    {
        // Whole segments only, and as many as one write to the device takes: a rest would cost a write, and a packet, of its own.
        int mss = Math.Max(_flow.GetMss(), 1);
        _superPacket = Math.Max(LargestPayload / mss * mss, FirstBlock);
        TimeSpan retry = BudgetRetry;
        while (true)
        {
            int read;
            try
            {
                // Waits without a buffer; when data is there already it costs one cheap call.
                if (upstream.CanWaitForData)
                    await upstream.ReadAsync(Memory<byte>.Empty, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                return Broken(exception);
            }

            int room;
            try
            {
                while ((room = _flow.Writable()) == 0)
                    await _flow.WaitWritableAsync(CancellationToken.None).ConfigureAwait(false);
            }
            catch (NetworkException)
            {
                return PumpEnd.FlowBroken;
            }

            if (!upstream.CanWaitForData)
                _blockSize = Math.Min(_blockSize, FirstBlock); // held for as long as the upstream is silent
            // No more than what the flow may hold: a rest would wait in a block beside it.
            _blockSize = Math.Min(_blockSize, Math.Max(room, SmallestBlock));
            if (!AllocateBlock())
            {
                // Little may be left, and a thousand flows that ask every few milliseconds would be a load of their own.
                _blockSize = SmallestBlock;
                await Task.Delay(retry, _context.Options.TimeProvider).ConfigureAwait(false);
                retry = retry < LongestBudgetRetry ? 2 * retry : retry;
                continue;
            }

            retry = BudgetRetry;

            try
            {
                read = await upstream.ReadAsync(AttachBlock(), CancellationToken.None).ConfigureAwait(false);
                if ((uint)read > (uint)_blockSize)
                    throw new InvalidOperationException("The stream claims to have read more than the buffer holds.");
            }
            catch (Exception exception)
            {
                FreeBlock();
                return Broken(exception);
            }

            if (read == 0)
            {
                FreeBlock();
                return _flow.CompleteWrites() < 0 ? PumpEnd.FlowBroken : PumpEnd.Orderly;
            }

            try
            {
                for (int sent = WriteBlock(0, read); sent < read; sent += WriteBlock(sent, read))
                    await _flow.WaitWritableAsync(CancellationToken.None).ConfigureAwait(false);
            }
            catch (NetworkException)
            {
                return PumpEnd.FlowBroken;
            }
            finally
            {
                FreeBlock();
            }

            Volatile.Write(ref _bytesDown, _bytesDown + read);
            Interlocked.Add(ref _context.Counters.StreamBytesDown, read);
            AdaptBlockSize(read);
        }
    }

    private unsafe bool AllocateBlock()
    {
        _block = _flow.AllocateBlock(_blockSize);
        return _block is not null;
    }

    private unsafe Memory<byte> AttachBlock() => _downWindow.Attach(_block, _blockSize);

    private unsafe int WriteBlock(int sent, int read)
    {
        // A few bytes in a large block would hold all of it until they are acknowledged; this way at most twice their size is held.
        return read < _blockSize / 2
            ? _flow.WriteCopy(new ReadOnlySpan<byte>(_block + sent, read - sent))
            : _flow.WriteBlock(_block, _block + sent, read - sent);
    }

    private unsafe void FreeBlock()
    {
        _downWindow.Detach();
        NativeMethods.tf_block_free(_block);
        _block = null;
    }

    private void AdaptBlockSize(int read)
    {
        if (read == _blockSize)
            _blockSize = _blockSize < FirstBlock ? FirstBlock : _blockSize < _superPacket ? _superPacket : SuperPackets * _superPacket;
        else if (read < _blockSize / 8)
            _blockSize = _blockSize > _superPacket ? _superPacket : _blockSize > FirstBlock ? FirstBlock : SmallestBlock;
    }
}
