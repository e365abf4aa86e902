using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <content>Errors, of calls and of earlier datagrams.</content>
internal sealed partial class SocketPacketConnection
{
    // How often a send that met an older error is repeated: each repetition means that one more error came in between.
    private const int MaxSendAttempts = 8;

    // How many errors wait for the receiver. A flood of refusals needs no more: the first ones say it.
    private const int MaxReports = 16;

    private readonly ConcurrentQueue<NetworkException> _reports = new();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishSendAsync(ValueTask<int> send, ReadOnlyMemory<byte> payload, SocketAddress address, CancellationToken cancellationToken)
    {
        int attempt = 1;
        while (true)
        {
            try
            {
                await send.ConfigureAwait(false);
                return;
            }
            catch (Exception exception)
            {
                // Always: an error of this very datagram leaves an entry of local origin behind.
                // Refused is never the datagram's own: that answer takes a round trip.
                bool older = CollectReports() > 0 || exception is SocketException { SocketErrorCode: SocketError.ConnectionRefused };
                if (!older || attempt++ >= MaxSendAttempts || IsDisposed || exception is not SocketException || !_hasErrorQueue)
                {
                    throw Translate(exception, cancellationToken);
                }
            }

            send = _socket.SendToAsync(payload, SocketFlags.None, address, cancellationToken);
        }
    }

    /// <summary>Takes the errors out of the kernel's queue and wakes the receiver for them.</summary>
    private int CollectReports()
    {
        int count = 0;
        while (_hasErrorQueue && !IsDisposed && LinuxErrorQueue.TryRead(_socket, out NetworkError error, out IPEndPoint? destination))
        {
            count++;
            if (_reports.Count < MaxReports)
            {
                _reports.Enqueue(new NetworkException(error, $"{destination} can't be reached: {NetworkErrors.Describe(error)}") { Destination = destination });
            }
        }

        if (count > 0)
        {
            Interlocked.MemoryBarrier();
            Volatile.Read(ref _wake).Cancel();
        }

        return count;
    }

    private void ThrowIfReported()
    {
        if (_reports.TryDequeue(out NetworkException? report))
        {
            throw report;
        }
    }

    private Exception ReceiveFailed(Exception exception, CancellationToken cancellationToken)
    {
        if (!IsDisposed)
        {
            if (exception is SocketException)
            {
                CollectReports();
            }

            if (!cancellationToken.IsCancellationRequested && _reports.TryDequeue(out NetworkException? report))
            {
                return report;
            }
        }

        return Translate(exception, cancellationToken);
    }

    private Exception Translate(Exception exception, CancellationToken cancellationToken) =>
        DatagramErrors.Translate(exception, this, IsDisposed, peer: null, cancellationToken);
}
