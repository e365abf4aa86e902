using System.Net;
using TunFlow.Network;

namespace TunFlow.Testing;

/// <content>Opening, sending, receiving.</content>
public abstract partial class PacketProxyConformance
{
    [Test]
    public async Task A_request_is_answered_from_whom_it_was_sent_to()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 1).ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 2).ConfigureAwait(false);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task Without_a_receiver_no_session_is_opened()
    {
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Subject.NewSessionAsync(null!).ConfigureAwait(false)).ConfigureAwait(false);
        Assert.That(OpenUpstreams, Is.Zero);
    }

    [Test]
    public async Task A_cancelled_opening_leaves_the_receiver_to_its_caller()
    {
        ConformanceReceiver receiver = new();
        Assert.That(
            async () => await Subject.NewSessionAsync(receiver, new CancellationToken(canceled: true)).ConfigureAwait(false),
            Throws.InstanceOf<OperationCanceledException>());
        await Task.Yield();
        Assert.That(receiver.Disposals, Is.Zero);
    }

    [Test]
    public async Task A_missing_destination_is_an_error_and_the_session_goes_on()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await sender.WriteToAsync(MakeRequest(1), null!).ConfigureAwait(false)).ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 2).ConfigureAwait(false);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task An_empty_datagram_is_ignored()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        await WriteAsync(sender, ReadOnlyMemory<byte>.Empty).ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 3).ConfigureAwait(false);
        Assert.That(receiver.Waiting, Is.Zero);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task A_payload_is_the_callers_again_once_the_send_is_through()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        byte[] buffer = new byte[100];
        for (int i = 0; i < 50; i++)
        {
            byte[] request = MakeRequest(i);
            request.CopyTo(buffer, 0);
            await WriteAsync(sender, buffer.AsMemory(0, request.Length)).ConfigureAwait(false);
            Array.Fill(buffer, (byte)0xEE);
        }

        for (int i = 0; i < 50; i++)
        {
            // In any order: requests may travel on different ways.
            byte[] answer = (await receiver.NextAsync().ConfigureAwait(false)).Payload;
            Assert.That(answer, Is.EqualTo(ExpectedAnswer(MakeRequest((answer[0] << 8) | answer[1]))));
        }

        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task A_payload_is_not_touched()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        byte[] request = MakeRequest(77);
        await WriteAsync(sender, request).ConfigureAwait(false);
        await receiver.NextAsync().ConfigureAwait(false);
        Assert.That(request, Is.EqualTo(MakeRequest(77)));
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task Concurrent_sends_are_all_answered()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(writer => Task.Run(async () =>
        {
            for (int i = 0; i < 20; i++)
            {
                await WriteAsync(sender, MakeRequest((writer * 20) + i)).ConfigureAwait(false);
            }
        }))).WaitAsync(Limit).ConfigureAwait(false);
        HashSet<int> seen = [];
        for (int i = 0; i < 400; i++)
        {
            byte[] answer = (await receiver.NextAsync().ConfigureAwait(false)).Payload;
            int number = (answer[0] << 8) | answer[1];
            Assert.That(answer, Is.EqualTo(ExpectedAnswer(MakeRequest(number))));
            seen.Add(number);
        }

        Assert.That(seen, Has.Count.EqualTo(400));
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task Sessions_are_apart()
    {
        (IPacketRequestSender Sender, ConformanceReceiver Receiver)[] sessions = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(OpenAsync))).ConfigureAwait(false);
        await Task.WhenAll(sessions.Select((session, i) => Task.Run(async () =>
        {
            for (int j = 0; j < 20; j++)
            {
                await ExchangeAsync(session.Sender, session.Receiver, (i * 20) + j).ConfigureAwait(false);
            }
        }))).ConfigureAwait(false);
        foreach ((IPacketRequestSender sender, ConformanceReceiver receiver) in sessions)
        {
            await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
        }
    }

    [Test]
    public async Task A_send_that_is_cancelled_before_it_begins_does_nothing_and_the_session_goes_on()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        Assert.That(() => WriteAsync(sender, MakeRequest(1), new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
        await ExchangeAsync(sender, receiver, 2).ConfigureAwait(false);
        Assert.That(receiver.Waiting, Is.Zero);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task A_pending_send_can_be_cancelled_and_the_session_goes_on()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        TaskCompletionSource held = Hold(receiver);
        using CancellationTokenSource cancel = new();
        Task send = WriteAsync(sender, MakeRequest(1), cancel.Token);
        Assert.That(send.IsCompleted, Is.False);
        await cancel.CancelAsync().ConfigureAwait(false);
        OperationCanceledException? exception = await Assert.CatchAsync<OperationCanceledException>(() => send).ConfigureAwait(false);
        Assert.That(exception!.CancellationToken, Is.EqualTo(cancel.Token));
        held.SetResult();
        await ExchangeAsync(sender, receiver, 2).ConfigureAwait(false);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task A_receiver_that_refuses_an_answer_gets_the_next_one()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        int refusals = 0;
        receiver.OnWrite = answer => answer.Span[1] == 1 && Interlocked.Increment(ref refusals) > 0 ? throw new InvalidOperationException("refused") : ValueTask.CompletedTask;
        try
        {
            await WriteAsync(sender, MakeRequest(1)).ConfigureAwait(false);
        }
        catch (NetworkException exception)
        {
            // A proxy that answers within the send says so there.
            Assert.That((exception.Error, exception.InnerException), Is.EqualTo((NetworkError.Unknown, exception.InnerException as InvalidOperationException)));
        }

        await EventuallyAsync(() => Volatile.Read(ref refusals) == 1, "the refusal").ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 2).ConfigureAwait(false);
        await AssertDisposesAsync(sender, receiver).ConfigureAwait(false);
    }
}
