using System.Net;
using System.Runtime.CompilerServices;
using TunFlow.Network;

namespace TunFlow.Proxies;

/// <summary>An association at a SOCKS5 server: the socket to its relay, and the connection whose end is the association's.</summary>
internal sealed partial class Socks5PacketConnection : IPacketConnection
{
    private readonly StreamConnection _control;
    private readonly IConnectedPacketConnection _socket;
    private readonly Socks5PacketCounters _counters;
    private volatile NetworkException? _end;
    private int _closed;
    private int _disposed;

    /// <summary>Takes both over.</summary>
    public Socks5PacketConnection(StreamConnection control, IConnectedPacketConnection socket, Socks5PacketCounters counters)
    {
        _control = control;
        _socket = socket;
        _counters = counters;
        LocalEndPoint = socket.LocalEndPoint;
    }

    public EndPoint? LocalEndPoint { get; }

    // What is there can't be told from what will be skipped without taking it, so it is taken, and kept for the receive.
    public bool CanWaitForData => true;

    private bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>Watches the connection from now on.</summary>
    public void Start()
    {
        Interlocked.Increment(ref _counters.AssociationsOpened);
        Interlocked.Increment(ref _counters.ActiveAssociations);
        _ = WatchAsync();
    }

    public ValueTask SendToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled(cancellationToken) : SendCoreAsync(payload, destination, cancellationToken);
    }

    public ValueTask DisposeAsync() => Interlocked.Exchange(ref _disposed, 1) == 0 ? CloseAsync() : ValueTask.CompletedTask;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendCoreAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken)
    {
        if (payload.Length > BlockPool.BlockSize - Socks5Datagram.MaxHeader)
        {
            throw new NetworkException(NetworkError.MessageTooLarge, $"A datagram of {payload.Length} bytes is larger than UDP carries.");
        }

        byte[] block = BlockPool.Rent();
        try
        {
            int header = Socks5Datagram.WriteHeader(block, destination);
            payload.CopyTo(block.AsMemory(header));
            await _socket.SendAsync(block.AsMemory(0, header + payload.Length), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            throw Translate(exception, cancellationToken);
        }
        finally
        {
            BlockPool.Return(block);
        }
    }

    /// <summary>Reads until the server ends the association. It has nothing to say before: what it says is thrown away.</summary>
    private async Task WatchAsync()
    {
        const int Chunk = 64;
        Exception? cause = null;

        // A server that talks without end must not keep the caller.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            byte[] ignored = new byte[Chunk];
            while (await _control.ReadAsync(ignored).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception exception)
        {
            cause = exception;
        }

        if (IsDisposed)
        {
            return;
        }

        _end = new NetworkException(NetworkError.Closed, "The SOCKS5 server ended the association.", cause);
        Interlocked.Increment(ref _counters.AssociationsEndedByServer);
        try
        {
            await CloseAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // A socket of somebody else's making that breaks its contract.
            _ = exception;
            Interlocked.Increment(ref _counters.DisposeErrors);
        }
    }

    private async ValueTask CloseAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0)
        {
            return;
        }

        Interlocked.Decrement(ref _counters.ActiveAssociations);
        try
        {
            await _socket.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await _control.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The exception for a call.</summary>
    private Exception Translate(Exception exception, CancellationToken cancellationToken)
    {
        if (IsDisposed)
        {
            return new ObjectDisposedException(GetType().FullName, exception);
        }

        if (exception is OperationCanceledException && cancellationToken.IsCancellationRequested)
        {
            return new OperationCanceledException(exception.Message, exception, cancellationToken);
        }

        if (_end is { } end)
        {
            return new NetworkException(NetworkError.Closed, end.Message, end);
        }

        NetworkError error = NetworkErrors.Classify(exception);

        // Not the destination's: it is the relay that refuses, and to say so would be a lie about the destination.
        return error is NetworkError.PortUnreachable or NetworkError.ConnectionRefused or NetworkError.ConnectionReset
            ? new NetworkException(NetworkError.HostUnreachable, $"The UDP relay of the SOCKS5 server, {_socket.RemoteEndPoint}, can't be reached: {exception.Message}", exception)
            : new NetworkException(error, exception.Message, exception);
    }
}
