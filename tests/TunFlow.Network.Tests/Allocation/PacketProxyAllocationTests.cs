using System.Diagnostics;
using System.Net;
using System.Reflection;

namespace TunFlow.Network.Tests;

/// <summary>What the proxies that need no socket add to a datagram, which is nothing. Everything completes at once, so it is counted exactly, on its thread.</summary>
[NonParallelizable]
internal sealed class PacketProxyAllocationTests
{
    private const int Rounds = 4000;

    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("192.0.2.53:53");
    private static readonly IPEndPoint s_mapped = IPEndPoint.Parse("[::ffff:192.0.2.7]:443");

    [OneTimeSetUp]
    public void NeedsOptimizedCode()
    {
        DebuggableAttribute? debuggable = typeof(StreamConnection).Assembly.GetCustomAttribute<DebuggableAttribute>();
        if (debuggable is { IsJITOptimizerDisabled: true })
        {
            Assert.Ignore("In a debug build every asynchronous method allocates its state machine.");
        }
    }

    [TestCase("Truncate")]
    [TestCase("Idle")]
    [TestCase("Intercept")]
    public async Task A_datagram_and_its_answer_allocate_nothing(string kind)
    {
        IPacketProxy truncate = new DnsTruncatePacketProxy();
        IPacketProxy proxy = kind switch
        {
            "Truncate" => truncate,
            "Idle" => new IdleTimeoutPacketProxy(new EchoProxy(), new() { DnsIdleTimeout = TimeSpan.FromSeconds(5), ResponsesProlong = true }),
            _ => new DnsInterceptPacketProxy(truncate, new EchoProxy(), s_resolver, s_resolver),
        };
        IPEndPoint destination = kind == "Truncate" ? s_resolver : s_mapped;
        CountingReceiver receiver = new();
        await using IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
        byte[] payload = new byte[1200];
        Send(sender, payload, destination);
        // On a starved machine the runtime may still be at the code that was new; what a datagram allocates is in each measurement.
        long least = long.MaxValue;
        int sent = 1;
        for (; sent < 6 && least >= Rounds; sent++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Send(sender, payload, destination);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.That(least, Is.LessThan(Rounds), "bytes allocated");
        Assert.That(receiver.Count, Is.EqualTo(sent * Rounds));
    }

    private static void Send(IPacketRequestSender sender, byte[] payload, IPEndPoint destination)
    {
        for (int i = 0; i < Rounds; i++)
        {
            ValueTask send = sender.WriteToAsync(payload, destination);
            if (i == 0)
            {
                // The first one opens what is opened on demand.
                send.AsTask().GetAwaiter().GetResult();
                continue;
            }

            if (!send.IsCompletedSuccessfully)
            {
                Assert.Fail("A datagram was not sent at once.");
            }

            send.GetAwaiter().GetResult();
        }
    }

    private sealed class EchoProxy : IPacketProxy
    {
        public ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default) =>
            new(new EchoSession(receiver));
    }

    private sealed class EchoSession(IPacketResponseReceiver receiver) : IPacketRequestSender
    {
        public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default) =>
            receiver.WriteFromAsync(payload, destination, cancellationToken);

        public ValueTask DisposeAsync() => receiver.DisposeAsync();
    }

    private sealed class CountingReceiver : IPacketResponseReceiver
    {
        public int Count { get; private set; }

        public ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
        {
            Count++;
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
