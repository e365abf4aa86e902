using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>The application's code throws, wherever the library calls it.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class ExceptionTests
{
    private static readonly Func<Exception>[] s_exceptions =
    [
        static () => new InvalidOperationException("a bug"),
        static () => new OperationCanceledException(),
        static () => new ObjectDisposedException("something of the application's"),
        static () => new NetworkException(NetworkError.ConnectionReset),
        static () => new SocketException((int)SocketError.HostUnreachable),
        static () => new IOException("of the application's"),
        static () => new InsufficientMemoryException(),
        static () => new AggregateException(new InvalidOperationException("one"), new TimeoutException("two")),
    ];

    [AcceptanceRow(30)]
    [Test]
    public async Task An_exception_ends_its_flow_or_datagram_only_and_is_counted([Values] CallPlace place)
    {
        NativeLibraryRequirement.Check();
        ConcurrentQueue<Exception> unobserved = [];
        void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs arguments) => unobserved.Enqueue(arguments.Exception);
        TaskScheduler.UnobservedTaskException += OnUnobserved;
        try
        {
            foreach (Func<Exception>[] some in s_exceptions.Chunk(Math.Min(8, Interop.NativeLibraryInfo.StackLimit)))
                await Task.WhenAll(some.Select(exception => Task.Run(() => TryAsync(place, exception)))).WaitAsync(TimeSpan.FromSeconds(60));
            for (int i = 0; i < 2; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= OnUnobserved;
        }

        Assert.That(unobserved, Is.Empty, "exceptions that nobody looked at");
    }

    private static async Task TryAsync(CallPlace place, Func<Exception> create)
    {
        int thrown = 0;
        bool throws = true;
        using HookedWorld world = new((_, at, _) =>
        {
            if (at != place || !Volatile.Read(ref throws))
                return;
            Interlocked.Increment(ref thrown);
            throw create();
        });
        string what = $"{create().GetType().Name} in {place}";
        try
        {
            await world.LiveAsync();
            Volatile.Write(ref throws, false);
            Assert.That(await world.ExchangeAsync(IPEndPoint.Parse("93.184.216.35:80"), quiet: 5000), Is.True, $"the next flow after {what}: {world.Last!.Describe()}; {world.Device.GetStatistics()}");
            // Of calls at the end there may have been none yet.
            Volatile.Write(ref throws, place is CallPlace.SessionToken or CallPlace.SenderDispose);
        }
        finally
        {
            await world.EndAsync();
        }

        // Tokens are cancelled beside the disposal.
        await Eventually.HoldsAsync(() => Volatile.Read(ref thrown) > 0, $"{what}");
        await Eventually.HoldsAsync(() => world.Upstreams.All(static upstream => upstream.Disposals == 1), $"one disposal of each upstream after {what}");
        await Eventually.HoldsAsync(() => world.Sessions.All(static session => session.Disposals == 1), $"one disposal of each sender after {what}");
        Exception sample = create();
        // What networks do isn't a bug of the application's; what comes out of an upstream that was aborted is our own doing.
        bool isBug = sample is InvalidOperationException or InsufficientMemoryException or AggregateException && NetworkErrors.Classify(sample) == NetworkError.Unknown;
        LwipStatistics statistics = world.Device.GetStatistics();
        if (isBug)
            await Eventually.HoldsAsync(() => world.Device.GetStatistics().UnexpectedExceptions > 0, $"the count of {what}; {statistics}");
        Assert.That((statistics.Flows, statistics.Sessions, statistics.Asserts), Is.EqualTo((0, 0, 0L)), what);
    }
}
