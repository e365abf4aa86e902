using TunFlow.Network;

namespace TunFlow.Testing;

/// <summary>What holds beyond <see cref="PacketProxyConformance"/> for proxies whose sessions have something behind them that may fail to open, or end by itself.</summary>
public abstract class UpstreamPacketProxyConformance : PacketProxyConformance
{
    /// <summary>Lets what is behind all sessions end by itself.</summary>
    protected abstract Task EndUpstreamsAsync();

    /// <summary>Makes what is behind fail to open from now on, or not any more.</summary>
    protected abstract void FailToOpen(Exception? exception);

    [Test]
    public async Task A_session_whose_upstream_ends_is_closed_and_its_receiver_disposed()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 1).ConfigureAwait(false);
        await EndUpstreamsAsync().ConfigureAwait(false);
        await AssertEndedAsync(sender, receiver).ConfigureAwait(false);
    }

    [Test]
    public async Task An_upstream_that_fails_to_open_is_the_callers_error_and_so_is_the_receiver()
    {
        FailToOpen(new NetworkException(NetworkError.ResourceExhausted, "no room"));
        ConformanceReceiver receiver = new();
        NetworkException? exception = await Assert.CatchAsync<NetworkException>(() => OpenAndWriteAsync(receiver)).ConfigureAwait(false);
        Assert.That((exception?.Error, receiver.Disposals), Is.EqualTo((NetworkError.ResourceExhausted, 0)));

        FailToOpen(null);
        (IPacketRequestSender sender, ConformanceReceiver other) = await OpenAsync().ConfigureAwait(false);
        await ExchangeAsync(sender, other, 2).ConfigureAwait(false);
        await AssertDisposesAsync(sender, other).ConfigureAwait(false);
        await DisposeOpenedAsync().ConfigureAwait(false);
    }

    [Test]
    public async Task An_upstream_that_ends_while_a_send_pends_closes_it()
    {
        (IPacketRequestSender sender, ConformanceReceiver receiver) = await OpenAsync().ConfigureAwait(false);
        await ExchangeAsync(sender, receiver, 1).ConfigureAwait(false);
        Hold(receiver);
        Task send = WriteAsync(sender, MakeRequest(2));
        Assert.That(send.IsCompleted, Is.False);
        await EndUpstreamsAsync().ConfigureAwait(false);
        NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(() => send).ConfigureAwait(false);
        Assert.That(exception?.Error, Is.EqualTo(NetworkError.Closed));
        await AssertEndedAsync(sender, receiver).ConfigureAwait(false);
    }

    private IPacketRequestSender? _opened;

    private async Task OpenAndWriteAsync(ConformanceReceiver receiver)
    {
        _opened = await Subject.NewSessionAsync(receiver).ConfigureAwait(false);
        await WriteAsync(_opened, MakeRequest(1)).ConfigureAwait(false);
    }

    private async Task DisposeOpenedAsync()
    {
        if (_opened is not null)
        {
            await _opened.DisposeAsync().ConfigureAwait(false);
        }
    }
}
