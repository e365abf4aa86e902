using System.Buffers.Binary;

namespace TunFlow.Network.Tests;

/// <summary>A transformation of the kind that proxies' protocols are: records with a length in front, a greeting that goes with the first of them, and received bytes that wait for their reader.</summary>
internal sealed class RecordConnection(StreamConnection inner, bool greets = true) : DelegatingStreamConnection(inner)
{
    private const int HeaderSize = 4;
    private const int LongestRecord = 16_384;
    private const uint Greeting = 0xFFFF_0001;

    private readonly byte[] _in = new byte[HeaderSize + LongestRecord];
    private readonly byte[] _out = new byte[(2 * HeaderSize) + LongestRecord];
    private int _received;
    private int _taken;
    private int _pending;
    private bool _greets = greets;
    private int _releases;

    public int Releases => Volatile.Read(ref _releases);

    protected override bool HasUnreadData => _received > 0;

    protected override async ValueTask<int> ReadCoreAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            int wanted = HeaderSize;
            if (_received >= HeaderSize)
            {
                uint length = BinaryPrimitives.ReadUInt32BigEndian(_in);
                if (length == Greeting)
                {
                    _received = 0;
                    continue;
                }

                if (length is 0 or > LongestRecord)
                {
                    throw new NetworkException(NetworkError.ProtocolViolation, $"A record of {length} bytes.");
                }

                wanted += (int)length;
                if (_received == wanted)
                {
                    int count = Math.Min(buffer.Length, wanted - HeaderSize - _taken);
                    _in.AsSpan(HeaderSize + _taken, count).CopyTo(buffer.Span);
                    _taken += count;
                    if (_taken == wanted - HeaderSize)
                    {
                        _received = _taken = 0;
                    }

                    return count;
                }
            }

            int read = await Inner.ReadAsync(_in.AsMemory(_received, wanted - _received), cancellationToken);
            if (read == 0)
            {
                return _received == 0 ? 0 : throw new NetworkException(NetworkError.ProtocolViolation, "The stream ends within a record.");
            }

            _received += read;
        }
    }

    protected override async ValueTask WriteCoreAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        while (!buffer.IsEmpty)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_pending > 0)
            {
                throw new NetworkException(NetworkError.ConnectionAborted, "A record was cut by cancelling its write.");
            }

            int size = 0;
            if (_greets)
            {
                BinaryPrimitives.WriteUInt32BigEndian(_out, Greeting);
                size = HeaderSize;
                _greets = false;
            }

            int length = Math.Min(buffer.Length, LongestRecord);
            BinaryPrimitives.WriteUInt32BigEndian(_out.AsSpan(size), (uint)length);
            buffer.Span[..length].CopyTo(_out.AsSpan(size + HeaderSize));
            _pending = size + HeaderSize + length;

            // A record that has started is finished: what can be cancelled is the next.
            await Inner.WriteAsync(_out.AsMemory(0, _pending), CancellationToken.None);
            _pending = 0;
            buffer = buffer[length..];
        }
    }

    protected override async ValueTask CompleteWritesCoreAsync(CancellationToken cancellationToken)
    {
        if (_greets)
        {
            BinaryPrimitives.WriteUInt32BigEndian(_out, Greeting);
            await Inner.WriteAsync(_out.AsMemory(0, HeaderSize), CancellationToken.None);
            _greets = false;
        }

        await Inner.CompleteWritesAsync(cancellationToken);
    }

    protected override void Release() => Interlocked.Increment(ref _releases);
}
