using System.Diagnostics;
using System.Net;
using System.Reflection;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Sessions that come in masses, as resolvers make them. Alone, for memory is the whole process's.</summary>
[NonParallelizable]
internal sealed class DnsTruncateLoadTests
{
    private const int Sessions = 100_000;

    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("8.8.8.8:53");

    [Test]
    public async Task A_hundred_thousand_sessions_of_one_query_leave_nothing_behind()
    {
        ManualTimeProvider time = new();
        DnsTruncatePacketProxy proxy = new(new DnsTruncatePacketProxyOptions { TimeProvider = time });
        await RunAsync(proxy, 1000);
        time.Advance(TimeSpan.FromSeconds(11));
        long before = GC.GetTotalMemory(forceFullCollection: true);

        CountingReceiver receiver = await RunAsync(proxy, Sessions);
        Assert.That((proxy.GetStatistics().ActiveSessions, receiver.Answers, time.ActiveTimers), Is.EqualTo(((long)Sessions, Sessions, 1)));
        long peak = GC.GetTotalMemory(forceFullCollection: true);
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.That((proxy.GetStatistics().ActiveSessions, receiver.Disposals, time.ActiveTimers), Is.EqualTo((0L, Sessions, 0)));
        long after = GC.GetTotalMemory(forceFullCollection: true);
        TestContext.Out.WriteLine($"{(peak - before) / Sessions} bytes per idle session; {after - before} bytes left");
        Assert.That(after - before, Is.LessThan((peak - before) / 20), "bytes left");
        GC.KeepAlive(proxy);
    }

    [Test]
    public async Task A_query_allocates_nothing()
    {
        if (typeof(DnsTruncatePacketProxy).Assembly.GetCustomAttribute<DebuggableAttribute>() is { IsJITOptimizerDisabled: true })
        {
            Assert.Ignore("In a debug build every asynchronous method allocates its state machine.");
        }

        CountingReceiver receiver = new();
        IPacketRequestSender sender = await new DnsTruncatePacketProxy().NewSessionAsync(receiver);
        byte[] query = new byte[60];
        for (int i = 0; i < 2000; i++)
        {
            Send();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 4000; i++)
        {
            Send();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(4000), "bytes allocated by 4000 queries");
        Assert.That(receiver.Answers, Is.EqualTo(6000));
        await sender.DisposeAsync();

        void Send()
        {
            ValueTask send = sender.WriteToAsync(query, s_resolver);
            if (!send.IsCompletedSuccessfully)
            {
                Assert.Fail("A query was not answered at once.");
            }

            send.GetAwaiter().GetResult();
        }
    }

    private static async Task<CountingReceiver> RunAsync(DnsTruncatePacketProxy proxy, int count)
    {
        // One for all: it is the sessions that are weighed.
        CountingReceiver receiver = new();
        byte[] query = new byte[12];
        for (int i = 0; i < count; i++)
        {
            IPacketRequestSender sender = await proxy.NewSessionAsync(receiver);
            await sender.WriteToAsync(query, s_resolver);
        }

        return receiver;
    }

    private sealed class CountingReceiver : IPacketResponseReceiver
    {
        private int _answers;
        private int _disposals;

        public int Answers => Volatile.Read(ref _answers);

        public int Disposals => Volatile.Read(ref _disposals);

        public ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _answers);
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref _disposals);
            return ValueTask.CompletedTask;
        }
    }
}
