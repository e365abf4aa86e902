using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Everything that ends at an <see cref="EchoListener"/>.</summary>
internal abstract class ListenerBackedConformance : UpstreamPacketProxyConformance
{
    protected EchoListener Listener { get; private set; } = null!;

    protected override int OpenUpstreams => Listener.Open;

    protected override IPacketProxy Create(ManualTimeProvider time)
    {
        Listener = new EchoListener();
        return Create(new PacketListenerProxy(Listener, new PacketListenerProxyOptions { TimeProvider = time }), time);
    }

    protected abstract IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time);

    protected override byte[] ExpectedAnswer(byte[] request) => EchoListener.Answer(request);

    protected override TaskCompletionSource Hold(ConformanceReceiver receiver) => Listener.Hold();

    protected override void FailToOpen(Exception? exception) => Listener.OpenError = exception;

    protected override Task EndUpstreamsAsync()
    {
        Listener.End();
        return Task.CompletedTask;
    }
}
