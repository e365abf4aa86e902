namespace TunFlow.Network;

/// <content>Putting streams into the way of the data.</content>
public abstract partial class StreamConnection
{
    /// <summary>Makes a connection that reads and writes through other streams, and half-closes, aborts and ends as <paramref name="inner"/> does.</summary>
    /// <param name="inner">The connection below, owned by the result from now on. Wrapping a wrapped connection doesn't nest: the result has the streams that were given last, over the same connection.</param>
    /// <param name="reader">Where reads come from, usually a stream that reads <paramref name="inner"/>; null to read <paramref name="inner"/> itself. One read at a time. It must keep what it has read when a read is cancelled.</param>
    /// <param name="writer">Where writes go, usually a stream that writes to <paramref name="inner"/>; null to write to <paramref name="inner"/> itself. One write at a time, each followed by a flush; flushed again before half-closing.</param>
    /// <param name="readerCanWaitForData">Whether an empty read of <paramref name="reader"/> waits for data (see <see cref="CanWaitForData"/>).</param>
    /// <returns>The connection. It disposes the streams after <paramref name="inner"/>, when the last call on them left; what they still hold then is not sent.</returns>
    /// <remarks>Allocates nothing per read or write. <see cref="Stream.CopyToAsync(Stream, int, CancellationToken)"/> is the reader's own. A transformation that has to send something of its own before the end, or that knows of unread data, derives from <see cref="DelegatingStreamConnection"/> instead.</remarks>
    /// <exception cref="ArgumentException"><paramref name="reader"/> can't be read, or <paramref name="writer"/> not written.</exception>
    public static StreamConnection Wrap(StreamConnection inner, Stream? reader, Stream? writer, bool readerCanWaitForData = false)
    {
        ArgumentNullException.ThrowIfNull(inner);
        if (reader is { CanRead: false })
        {
            throw new ArgumentException("The stream must be readable.", nameof(reader));
        }

        if (writer is { CanWrite: false })
        {
            throw new ArgumentException("The stream must be writable.", nameof(writer));
        }

        return new WrappedStreamConnection(inner, reader, writer, readerCanWaitForData);
    }
}
