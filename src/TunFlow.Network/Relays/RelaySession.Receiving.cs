using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network.Relays;

/// <content>The receive loop.</content>
internal sealed partial class RelaySession
{
    private async Task ReceiveLoopAsync()
    {
        byte[]? block = null;
        while (Volatile.Read(ref _state) == Open)
        {
            try
            {
                // While nothing comes the session holds no buffer; if something is there already the wait costs little and the buffer is kept.
                ValueTask<ReceivedDatagram> wait = association.ReceivePacketAsync(Memory<byte>.Empty);
                if (!wait.IsCompleted && block is not null)
                {
                    BlockPool.Return(block);
                    block = null;
                }

                await wait.ConfigureAwait(false);
                block ??= BlockPool.Rent();
                ReceivedDatagram datagram = await association.ReceivePacketAsync(block).ConfigureAwait(false);
                _backOff.Reset();
                if (await DeliverAsync(datagram, block).ConfigureAwait(false))
                {
                    continue;
                }

                break;
            }
            catch (NetworkException exception) when (exception is { Destination: { } destination })
            {
                if (!await ReportAsync(exception, destination).ConfigureAwait(false))
                {
                    break;
                }

                await _backOff.AfterReportAsync(Volatile.Read(ref _sent), CancellationToken.None).ConfigureAwait(false);
                continue;
            }
            catch (Exception exception) when (AssociationErrors.IsEnd(exception))
            {
                // The association is gone: disposed by this session, or by itself. Below the session follows.
                break;
            }
            catch (Exception)
            {
                Interlocked.Increment(ref counters.ReceiveErrors);
            }

            await _backOff.AfterErrorAsync(CancellationToken.None).ConfigureAwait(false);
        }

        if (block is not null)
        {
            BlockPool.Return(block);
        }

        if (Interlocked.CompareExchange(ref _state, Closed, Open) == Open)
        {
            await CloseUnobservedAsync().ConfigureAwait(false);
        }
    }

    /// <returns>False if the receiver wants no more.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> DeliverAsync(ReceivedDatagram datagram, byte[] block)
    {
        if (datagram.Truncated || (uint)datagram.Length > (uint)block.Length)
        {
            Interlocked.Increment(ref counters.DatagramsTruncated);
            return true;
        }

        if (datagram.Source is not { } source)
        {
            // Not an association of this library.
            Interlocked.Increment(ref counters.DroppedUnknownSource);
            return true;
        }

        try
        {
            await receiver.WriteFromAsync(block.AsMemory(0, datagram.Length), source).ConfigureAwait(false);
            Interlocked.Increment(ref counters.DatagramsReceived);
            return true;
        }
        catch (Exception exception)
        {
            // Foreign code: whatever it throws concerns this datagram, unless it says that it is closed.
            Interlocked.Increment(ref counters.DroppedByReceiver);
            return !AssociationErrors.IsEnd(exception);
        }
    }

    /// <returns>False if the receiver wants no more.</returns>
    private async ValueTask<bool> ReportAsync(NetworkException report, IPEndPoint destination)
    {
        Interlocked.Increment(ref counters.UnreachableReports);
        if (receiver is not IPacketErrorReceiver errorReceiver)
        {
            Volatile.Write(ref _unreachable, report);
            return true;
        }

        try
        {
            await errorReceiver.ReportUnreachableAsync(report.Error, destination).ConfigureAwait(false);
        }
        catch (Exception exception) when (AssociationErrors.IsEnd(exception))
        {
            return false;
        }
        catch (Exception)
        {
            // Foreign code; the report was a courtesy.
            Interlocked.Increment(ref counters.DroppedByReceiver);
        }

        return true;
    }
}
