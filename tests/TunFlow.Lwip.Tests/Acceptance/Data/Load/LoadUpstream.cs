using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>An upstream that makes and verifies a <see cref="Pattern"/>, or echoes; nothing is allocated per call.</summary>
internal sealed class LoadUpstream(int stream, bool hashes = false) : StreamConnection
{
    private readonly AsyncSignal _readable = new();
    private readonly AsyncSignal _writable = new();
    private readonly Lock _lock = new();
    private readonly IncrementalHash? _hash = hashes ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[]? _echo;
    private int _echoed;
    private long _toSend;
    private bool _completed;
    private bool _ended;
    private bool _stopped;
    private int _disposals;

    /// <summary>Sends back what it gets, in place of a pattern.</summary>
    public bool Echoes { get; init; }

    /// <summary>Bytes that an echo may have under way.</summary>
    public int EchoRoom { get; init; } = 64 * 1024;

    /// <summary>The device wants to know whether there is data before it takes a buffer.</summary>
    public override bool CanWaitForData => true;

    /// <summary>Bytes sent to the application.</summary>
    public long Sent { get; private set; }

    /// <summary>Bytes received.</summary>
    public long Received { get; private set; }

    /// <summary>Where the first byte stood that was not as sent.</summary>
    public long? Corrupt { get; private set; }

    /// <summary>The application's FIN arrived.</summary>
    public bool WritesWereCompleted { get; private set; }

    public bool WasAborted { get; private set; }

    public int Disposals => Volatile.Read(ref _disposals);

    /// <summary>Whether writes wait.</summary>
    public bool Stopped
    {
        get => Volatile.Read(ref _stopped);
        set
        {
            Volatile.Write(ref _stopped, value);
            _writable.Set();
        }
    }

    /// <summary>SHA-256 of what was received so far.</summary>
    public byte[] Hash()
    {
        lock (_lock)
            return _hash!.GetCurrentHash();
    }

    /// <summary>Sends so many bytes more.</summary>
    public void Send(long count)
    {
        lock (_lock)
            _toSend += count;
        _readable.Set();
    }

    /// <summary>The end of the stream, after everything asked for.</summary>
    public void Complete()
    {
        Volatile.Write(ref _completed, true);
        _readable.Set();
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override EndPoint? LocalEndPoint => null;

    public override EndPoint? RemoteEndPoint => null;

    public override Task ReadsClosed => _over.Task;

    public override Task WritesClosed => _over.Task;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int length;
        while ((length = TryRead(buffer.Span)) < 0)
            await _readable.WaitAsync(cancellationToken).ConfigureAwait(false);
        return length;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!TryWrite(ref buffer))
            await _writable.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public override ValueTask CompleteWritesAsync(CancellationToken cancellationToken = default)
    {
        WritesWereCompleted = true;
        if (Echoes)
            Complete();
        return ValueTask.CompletedTask;
    }

    public override void AbortReads()
    {
    }

    public override void Abort()
    {
        WasAborted = true;
        End();
    }

    public override ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposals);
        End();
        return ValueTask.CompletedTask;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            DisposeAsync().GetAwaiter().GetResult();
        base.Dispose(disposing);
    }

    private void End()
    {
        Volatile.Write(ref _ended, true);
        _over.TrySetResult();
        _readable.Set();
        _writable.Set();
    }

    /// <summary>-1: nothing yet.</summary>
    private int TryRead(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _ended), this);
        lock (_lock)
        {
            int available = Echoes ? _echoed : (int)Math.Min(int.MaxValue, _toSend - Sent);
            if (available == 0)
                return Volatile.Read(ref _completed) ? 0 : -1;
            int length = Math.Min(available, buffer.Length);
            if (length == 0)
                return 0;
            if (Echoes)
            {
                _echo.AsSpan(0, length).CopyTo(buffer);
                _echo.AsSpan(length, _echoed - length).CopyTo(_echo);
                _echoed -= length;
            }
            else
            {
                Pattern.Fill(buffer[..length], stream, Sent);
            }

            Sent += length;
            if (Echoes)
                _writable.Set();
            return length;
        }
    }

    private bool TryWrite(ref ReadOnlyMemory<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _ended), this);
        if (Stopped)
            return false;
        lock (_lock)
        {
            int length = Echoes ? Math.Min(buffer.Length, EchoRoom - _echoed) : buffer.Length;
            ReadOnlySpan<byte> taken = buffer.Span[..length];
            if (Corrupt is null && !Pattern.Matches(taken, stream, Received))
                Corrupt = Received;
            _hash?.AppendData(taken);
            if (Echoes)
            {
                taken.CopyTo((_echo ??= new byte[EchoRoom]).AsSpan(_echoed));
                _echoed += length;
            }

            Received += length;
            buffer = buffer[length..];
        }

        if (Echoes)
            _readable.Set();
        return buffer.IsEmpty;
    }
}
