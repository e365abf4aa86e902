using System.Net;
using System.Threading.Channels;
using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>The sockets beneath the relay under test: in memory, with a script for what they receive.</content>
public abstract partial class PacketRelayConformance
{
    /// <summary>Opens scripted sockets and remembers them.</summary>
    protected sealed class Transport(bool canWaitForData) : IPacketListener
    {
        private readonly List<Connection> _connections = [];

        /// <summary>Fails the opening of sockets, if set.</summary>
        public Exception? ListenError { get; set; }

        /// <summary>The sockets opened so far.</summary>
        public IReadOnlyList<Connection> Connections
        {
            get
            {
                lock (_connections)
                {
                    return [.. _connections];
                }
            }
        }

        /// <inheritdoc/>
        public ValueTask<IPacketConnection> ListenPacketAsync(CancellationToken cancellationToken = default)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (ListenError is { } error)
            {
                return ValueTask.FromException<IPacketConnection>(error);
            }

            Connection connection = new(canWaitForData);
            lock (_connections)
            {
                _connections.Add(connection);
            }

            return new ValueTask<IPacketConnection>(connection);
        }
    }

    /// <summary>A socket whose receives are scripted and whose sends are recorded.</summary>
    protected sealed class Connection(bool canWaitForData) : IPacketConnection
    {
        private readonly Channel<Func<Memory<byte>, ReceivedDatagram>> _script = Channel.CreateUnbounded<Func<Memory<byte>, ReceivedDatagram>>();
        private readonly List<(byte[] Payload, IPEndPoint Destination)> _sent = [];
        private int _disposeCount;

        /// <summary>What was sent so far.</summary>
        public IReadOnlyList<(byte[] Payload, IPEndPoint Destination)> Sent
        {
            get
            {
                lock (_sent)
                {
                    return [.. _sent];
                }
            }
        }

        /// <summary>Fails sends, if set.</summary>
        public Exception? SendError { get; set; }

        /// <summary>Sends wait for it, if set.</summary>
        public TaskCompletionSource? SendGate { get; set; }

        /// <summary>How often the socket was disposed.</summary>
        public int DisposeCount => Volatile.Read(ref _disposeCount);

        /// <inheritdoc/>
        public EndPoint? LocalEndPoint => null;

        /// <inheritdoc/>
        public bool CanWaitForData => canWaitForData;

        /// <summary>Lets a datagram arrive.</summary>
        public void Arrives(byte[] payload, IPEndPoint? source) => _script.Writer.TryWrite(buffer =>
        {
            int length = Math.Min(payload.Length, buffer.Length);
            payload.AsSpan(0, length).CopyTo(buffer.Span);
            return new ReceivedDatagram(length, source, length < payload.Length);
        });

        /// <summary>Lets a receive fail.</summary>
        public void Fails(Exception exception) => _script.Writer.TryWrite(_ => throw exception);

        /// <summary>Ends the socket from its other end.</summary>
        public void ClosesItself() => _script.Writer.TryComplete(new NetworkException(NetworkError.Closed));

        /// <inheritdoc/>
        public async ValueTask SendToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
        {
            ObjectDisposedException.ThrowIf(DisposeCount > 0, this);
            if (SendError is { } error)
            {
                throw error;
            }

            if (SendGate is { } gate)
            {
                await gate.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            }

            lock (_sent)
            {
                _sent.Add((payload.ToArray(), destination));
            }
        }

        /// <inheritdoc/>
        public async ValueTask<ReceivedDatagram> ReceiveFromAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                while (await _script.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    if (buffer.IsEmpty)
                    {
                        return canWaitForData ? default : throw new InvalidOperationException("This socket can't wait.");
                    }

                    if (_script.Reader.TryRead(out Func<Memory<byte>, ReceivedDatagram>? next))
                    {
                        return next(buffer);
                    }
                }
            }
            catch (NetworkException exception) when (exception.Error == NetworkError.Closed && DisposeCount == 0)
            {
                throw new NetworkException(NetworkError.Closed);
            }

            throw new ObjectDisposedException(nameof(Connection));
        }

        /// <inheritdoc/>
        public ValueTask DisposeAsync()
        {
            if (Interlocked.Increment(ref _disposeCount) == 1)
            {
                _script.Writer.TryComplete();
                SendGate?.TrySetException(new ObjectDisposedException(nameof(Connection)));
            }

            return ValueTask.CompletedTask;
        }
    }
}
