using System.Net.Security;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <content>Half-closing and closing, as far as the stream's type tells how.</content>
internal sealed partial class AdaptedStreamConnection
{
    private async ValueTask HalfCloseAsync(CancellationToken cancellationToken)
    {
        if (_options.CompleteWrites is { } completeWrites)
        {
            await completeWrites(cancellationToken).ConfigureAwait(false);
            return;
        }

        switch (_stream)
        {
            case StreamConnection connection:
                await connection.CompleteWritesAsync(cancellationToken).ConfigureAwait(false);
                break;
            case NetworkStream network:
                network.Socket.Shutdown(SocketShutdown.Send);
                break;
            case SslStream ssl:
                await ssl.ShutdownAsync().ConfigureAwait(false);
                break;
            default:
                await _stream.FlushAsync(cancellationToken).ConfigureAwait(false);
                break;
        }
    }

    private void End(bool abortive)
    {
        try
        {
            CloseTransport(abortive);
        }
        finally
        {
            // Whatever foreign code throws: who waits for a read is let go.
            _ = _background?.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            _readsStopped.TrySetResult();
            _readsClosed.Complete();
            _writesClosed.Complete();
        }
    }

    private void CloseTransport(bool abortive)
    {
        try
        {
            if (abortive)
            {
                Reset();
            }
            else if (_stream is NetworkStream network)
            {
                if (_readsEnded || Volatile.Read(ref _readsAborted) != 0 || network.Socket.Available == 0)
                {
                    // Without the shutdown System.Net.Sockets turns closing into an RST when a read is pending.
                    network.Socket.Shutdown(SocketShutdown.Send);
                }
                else
                {
                    Reset();
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or IOException)
        {
            // Already disconnected: there is nobody left to tell.
            _writesCompleted = true;
        }
        finally
        {
            DisposeStream();
        }
    }

    private void DisposeStream()
    {
        try
        {
            _stream.Dispose();
        }
        catch (IOException)
        {
            // Closing may flush into a transport that is gone, which is what was wanted.
            _writesCompleted = true;
        }
    }

    private void Reset()
    {
        if (_options.Abort is { } abort)
        {
            abort();
            return;
        }

        switch (_stream)
        {
            case StreamConnection connection:
                connection.Abort();
                break;
            case NetworkStream network:
                network.Socket.LingerState = new LingerOption(enable: true, seconds: 0);
                network.Socket.Close(0);
                break;
        }
    }
}
