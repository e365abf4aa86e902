using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>Ending.</content>
public abstract partial class PacketProxyConformance
{
    [Test]
    public async Task A_session_that_was_never_used_is_disposed_cleanly()
    {
        ConformanceReceiver receiver = new();
        IPacketRequestSender sender = await Subject.NewSessionAsync(receiver).ConfigureAwait(false);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task Fifty_concurrent_disposals_are_one()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 1).ConfigureAwait(false);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => sender.DisposeAsync().AsTask()))).WaitAsync(Limit).ConfigureAwait(false);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task A_receiver_may_dispose_the_sender_from_within_its_own_disposal()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        receiver.OnDispose = () =>
        {
            ValueTask disposal = sender.DisposeAsync();
            Assert.That(disposal.IsCompletedSuccessfully, Is.True, "the second disposal waits for nothing");
            return disposal;
        };
        await ExchangeAsync(sender, receiver, 1).ConfigureAwait(false);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task A_session_may_be_disposed_from_within_a_delivery()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        receiver.OnWrite = _ => sender.DisposeAsync();
        try
        {
            await WriteAsync(sender, MakeRequest(1)).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            // A proxy that answers within the send was disposed within the send.
        }

        await receiver.Disposed.WaitAsync(Limit).ConfigureAwait(false);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task Disposing_wakes_pending_sends_with_object_disposed()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        Hold(receiver);
        Task[] sends = [.. Enumerable.Range(1, 3).Select(i => WriteAsync(sender, MakeRequest(i)))];
        Assert.That(Array.TrueForAll(sends, send => !send.IsCompleted), Is.True);
        await sender.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        foreach (Task send in sends)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => send).ConfigureAwait(false);
        }

        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task An_exception_of_the_receivers_disposal_is_the_disposers()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 1).ConfigureAwait(false);
        receiver.OnDispose = () => throw new InvalidOperationException("receiver");
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await sender.DisposeAsync().ConfigureAwait(false)).ConfigureAwait(false);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task A_receiver_that_says_closed_ends_the_session()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        receiver.OnWrite = _ => throw new NetworkException(NetworkError.Closed);
        try
        {
            await WriteAsync(sender, MakeRequest(1)).ConfigureAwait(false);
        }
        catch (NetworkException exception)
        {
            Assert.That(exception.Error, Is.EqualTo(NetworkError.Closed));
        }

        await AssertEndedAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task An_idle_session_ends()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 1).ConfigureAwait(false);
        await ExpireAsync(receiver).ConfigureAwait(false);
        await AssertEndedAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task An_idle_session_ends_although_its_receiver_throws_when_disposed()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        receiver.OnDispose = () => throw new InvalidOperationException("receiver");
        await ExpireAsync(receiver).ConfigureAwait(false);
        await AssertEndedAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task A_storm_of_sends_expiries_and_disposals_leaves_nothing_behind()
    {
        ConformanceReceiver[] receivers = new ConformanceReceiver[200];
        using CancellationTokenSource stop = new();
        Task clock = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                Time.Advance(TimeSpan.FromSeconds(7));
                await Task.Delay(1, CancellationToken.None).ConfigureAwait(false);
            }
        });
        await Parallel.ForAsync(0, receivers.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            Random random = new(i);
            ConformanceReceiver receiver = receivers[i] = new ConformanceReceiver();
            IPacketRequestSender sender = await Subject.NewSessionAsync(receiver, CancellationToken.None).ConfigureAwait(false);
            Task[] sends = [.. Enumerable.Range(0, random.Next(10)).Select(number => Task.Run(() => WriteAsync(sender, MakeRequest(number)), CancellationToken.None))];
            if (random.Next(2) == 0)
            {
                await Task.Delay(random.Next(3), CancellationToken.None).ConfigureAwait(false);
            }

            await sender.DisposeAsync().ConfigureAwait(false);
            foreach (Task send in sends)
            {
                try
                {
                    await send.ConfigureAwait(false);
                }
                catch (ObjectDisposedException)
                {
                    // The disposal came first.
                }
                catch (NetworkException exception) when (exception.Error == NetworkError.Closed)
                {
                    // The expiry came first.
                }
            }
        }).WaitAsync(TimeSpan.FromSeconds(60)).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        await clock.ConfigureAwait(false);
        await EventuallyAsync(() => Array.TrueForAll(receivers, receiver => receiver.Disposals == 1), "all receivers are disposed").ConfigureAwait(false);
    }

    /// <summary>Lets virtual time pass until a session is idle for too long.</summary>
    private async Task ExpireAsync(ConformanceReceiver receiver)
    {
        for (int i = 0; i < 100 && !receiver.Disposed.IsCompleted; i++)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1).ConfigureAwait(false);
        }
    }
}
