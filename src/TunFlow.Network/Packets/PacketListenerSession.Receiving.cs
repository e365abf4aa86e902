using System.Net;

namespace TunFlow.Network;

/// <content>The receive loop.</content>
internal sealed partial class PacketListenerSession
{
    private async Task ReceiveLoopAsync()
    {
        byte[]? buffer = null;
        try
        {
            while (IsOpen)
            {
                try
                {
                    if (connection.CanWaitForData)
                    {
                        // While nothing comes the session holds no buffer; if something is there already the wait costs a peek and the buffer is kept.
                        ValueTask<ReceivedDatagram> wait = connection.ReceiveFromAsync(Memory<byte>.Empty);
                        if (!wait.IsCompleted && buffer is not null)
                        {
                            BlockPool.Return(buffer);
                            buffer = null;
                        }

                        await wait.ConfigureAwait(false);
                    }

                    buffer ??= BlockPool.Rent();
                    ReceivedDatagram datagram = await connection.ReceiveFromAsync(buffer).ConfigureAwait(false);
                    _backOff.Reset();
                    if (!await DeliverAsync(datagram, buffer).ConfigureAwait(false))
                    {
                        break;
                    }
                }
                catch (NetworkException exception) when (exception is { Destination: { } destination })
                {
                    await ReportAsync(exception, destination).ConfigureAwait(false);
                    await _backOff.AfterReportAsync(Volatile.Read(ref _sent), CancellationToken.None).ConfigureAwait(false);
                }
                catch (Exception exception) when (!IsEnd(exception))
                {
                    Interlocked.Increment(ref counters.ReceiveErrors);
                    await _backOff.AfterErrorAsync(CancellationToken.None).ConfigureAwait(false);
                }
            }
        }
        catch (Exception exception) when (IsEnd(exception))
        {
            // The socket is gone: closed by this session, or by its other end. Below the session follows.
        }

        if (buffer is not null)
        {
            BlockPool.Return(buffer);
        }

        await EndAsync().ConfigureAwait(false);
    }

    /// <returns>False if the receiver wants no more.</returns>
    private async ValueTask<bool> DeliverAsync(ReceivedDatagram datagram, byte[] buffer)
    {
        if (datagram.Truncated || (uint)datagram.Length > (uint)buffer.Length)
        {
            Interlocked.Increment(ref counters.DroppedTruncated);
            return true;
        }

        if (datagram.Source is not { } source)
        {
            // A proxy may name its source by a domain. Resolving it here would block the session, and the answer could be another host.
            Interlocked.Increment(ref counters.DroppedUnknownSource);
            return true;
        }

        if (responsesProlong)
        {
            Prolong();
        }

        try
        {
            await Receiver.WriteFromAsync(buffer.AsMemory(0, datagram.Length), _spelling.AsTheAppWrites(source)).ConfigureAwait(false);
            Interlocked.Increment(ref counters.DatagramsReceived);
            return true;
        }
        catch (Exception exception)
        {
            // Foreign code: whatever it throws concerns this datagram, unless it says that it is closed.
            Interlocked.Increment(ref counters.DroppedByReceiver);
            return !IsEnd(exception);
        }
    }

    private async ValueTask ReportAsync(NetworkException report, IPEndPoint destination)
    {
        Interlocked.Increment(ref counters.UnreachableReports);
        destination = _spelling.AsTheAppWrites(destination);
        if (Receiver is not IPacketErrorReceiver errorReceiver)
        {
            Volatile.Write(ref _unreachable, new Unreachable(report, destination));
            return;
        }

        try
        {
            await errorReceiver.ReportUnreachableAsync(report.Error, destination).ConfigureAwait(false);
        }
        catch (Exception exception) when (!IsEnd(exception))
        {
            // Foreign code; the report was a courtesy.
            Interlocked.Increment(ref counters.DroppedByReceiver);
        }
    }
}
