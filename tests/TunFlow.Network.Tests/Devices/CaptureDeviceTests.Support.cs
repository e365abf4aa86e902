using TunFlow.Testing;
using TunFlow.Testing.Captures;

namespace TunFlow.Network.Tests;

/// <content>What the tests send with, and the devices and targets they send to.</content>
internal sealed partial class CaptureDeviceTests
{
    private static byte[] Packet(int length, byte fill)
    {
        byte[] packet = new byte[length];
        packet.AsSpan().Fill(fill);
        return packet;
    }

    private sealed class CallingClock(Action call) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow()
        {
            call();
            return DateTimeOffset.UnixEpoch;
        }
    }

    private sealed class BrokenClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => throw new NotSupportedException();
    }

    /// <summary>Takes the first write only when the gate opens.</summary>
    private sealed class SlowStream : MemoryStream
    {
        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Gate.Task;
            await base.WriteAsync(buffer, cancellationToken);
        }
    }

    private sealed class FailingStream(Exception error, bool failFlush = false) : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            failFlush ? base.WriteAsync(buffer, cancellationToken) : ValueTask.FromException(error);

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.FromException(error);
    }
}
