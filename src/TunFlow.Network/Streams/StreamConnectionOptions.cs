using System.Net;

namespace TunFlow.Network;

/// <summary>What <see cref="StreamConnection.Create(Stream, StreamConnectionOptions?)"/> can't find out by itself.</summary>
public sealed class StreamConnectionOptions
{
    /// <summary>Sends the end of the stream to the peer. Called at most once, never while a write is pending.</summary>
    public Func<CancellationToken, ValueTask>? CompleteWrites { get; init; }

    /// <summary>Resets the transport below the stream so that the peer sees an error and not an end. Called at most once, before the stream is disposed. Null: as the stream's type allows.</summary>
    public Action? Abort { get; init; }

    /// <summary>The local end, as far as it is known. Null: what the stream's type tells.</summary>
    public EndPoint? LocalEndPoint { get; init; }

    /// <summary>The remote end, as far as it is known. Null: what the stream's type tells.</summary>
    public EndPoint? RemoteEndPoint { get; init; }

    /// <summary>True if reading into an empty buffer waits for data on this stream. <c>NetworkStream</c> and <c>SslStream</c> are known to.</summary>
    public bool CanWaitForData { get; init; }
}
