using System.Net;

namespace TunFlow.Network;

/// <summary>What <see cref="StreamConnection.Create(Stream, StreamConnectionOptions?)"/> can't find out by itself.</summary>
public sealed class StreamConnectionOptions
{
    // The longest time of a timer.
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private readonly TimeSpan _linger = TimeSpan.FromSeconds(30);

    /// <summary>The connection that the stream goes through, as an <c>SslStream</c> does: it is half-closed after the stream's own end was sent, reset and disposed with the stream, and has the endpoints. Owned by the new connection.</summary>
    public StreamConnection? Transport { get; init; }

    /// <summary>Sends the end of the stream to the peer. Called once, again only if it was cancelled, never while a write is pending.</summary>
    public Func<CancellationToken, ValueTask>? CompleteWrites { get; init; }

    /// <summary>Resets the transport below the stream so that the peer sees an error and not an end. Called at most once, before the stream is disposed. Null: as the stream's type allows.</summary>
    public Action? Abort { get; init; }

    /// <summary>The local end, as far as it is known. Null: what the stream's type tells.</summary>
    public EndPoint? LocalEndPoint { get; init; }

    /// <summary>The remote end, as far as it is known. Null: what the stream's type tells.</summary>
    public EndPoint? RemoteEndPoint { get; init; }

    /// <summary>How long disposing goes on in the background until the stream's own end (an <c>SslStream</c>'s close_notify) is sent; 30 seconds by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative, or longer than 49 days.</exception>
    public TimeSpan Linger
    {
        get => _linger;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, s_longest);
            _linger = value;
        }
    }

    /// <summary>The clock for <see cref="Linger"/>.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public TimeProvider TimeProvider
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = TimeProvider.System;

    /// <summary>True if reading into an empty buffer waits for data on this stream. <c>NetworkStream</c> and <c>SslStream</c> are known to.</summary>
    public bool CanWaitForData { get; init; }
}
