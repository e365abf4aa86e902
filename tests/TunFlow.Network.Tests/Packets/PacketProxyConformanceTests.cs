using System.Net;
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

internal sealed class PacketListenerProxyConformanceTests : ListenerBackedConformance
{
    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) => inner;
}

internal sealed class DelegatePacketProxyConformanceTests : ListenerBackedConformance
{
    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) => new DelegatePacketProxy(inner);
}

internal sealed class IdleTimeoutPacketProxyConformanceTests : ListenerBackedConformance
{
    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) =>
        new IdleTimeoutPacketProxy(inner, new IdleTimeoutPacketProxyOptions { IdleTimeout = TimeSpan.FromSeconds(10), TimeProvider = time });
}

/// <summary>What isn't intercepted.</summary>
internal sealed class DnsInterceptDefaultConformanceTests : ListenerBackedConformance
{
    protected override IPacketProxy Create(PacketListenerProxy inner, ManualTimeProvider time) => new DnsInterceptPacketProxy(
        new DnsTruncatePacketProxy(), inner, IPEndPoint.Parse("10.9.0.1:53"), IPEndPoint.Parse("9.9.9.9:53"), new DnsInterceptPacketProxyOptions { TimeProvider = time });
}

/// <summary>What is intercepted, beside a default session that keeps the outer one open.</summary>
internal sealed class DnsInterceptQueryConformanceTests : PacketProxyConformance
{
    private static readonly IPEndPoint s_other = IPEndPoint.Parse("192.0.2.7:443");

    private EchoListener _dns = new();
    private EchoListener _default = new();

    protected override IPEndPoint Destination { get; } = IPEndPoint.Parse("10.9.0.1:53");

    protected override int OpenUpstreams => _dns.Open + _default.Open;

    protected override IPacketProxy Create(ManualTimeProvider time)
    {
        _dns = new EchoListener();
        _default = new EchoListener();
        return new DnsInterceptPacketProxy(
            new PacketListenerProxy(_dns, new PacketListenerProxyOptions { TimeProvider = time }),
            new PacketListenerProxy(_default, new PacketListenerProxyOptions { TimeProvider = time }),
            Destination,
            IPEndPoint.Parse("9.9.9.9:53"),
            new DnsInterceptPacketProxyOptions { TimeProvider = time, MaxPendingQueriesPerSession = 1000 });
    }

    protected override byte[] ExpectedAnswer(byte[] request) => EchoListener.Answer(request);

    protected override TaskCompletionSource Hold(ConformanceReceiver receiver) => _dns.Hold();

    protected override async ValueTask PrepareAsync(IPacketRequestSender sender, ConformanceReceiver receiver)
    {
        await sender.WriteToAsync(new byte[] { 1 }, s_other);
        Assert.That((await receiver.NextAsync()).Source, Is.EqualTo(s_other));
    }
}

internal sealed class DnsTruncatePacketProxyConformanceTests : PacketProxyConformance
{
    protected override int OpenUpstreams => 0;

    protected override IPacketProxy Create(ManualTimeProvider time) => new DnsTruncatePacketProxy(new DnsTruncatePacketProxyOptions { TimeProvider = time });

    protected override byte[] ExpectedAnswer(byte[] request)
    {
        byte[] answer = [.. request];
        answer[2] |= 0x82;
        answer[3] &= 0xF0;
        answer[6] = answer[4];
        answer[7] = answer[5];
        return answer;
    }

    /// <summary>The answer is delivered within the send, so a slow receiver makes a slow send.</summary>
    protected override TaskCompletionSource Hold(ConformanceReceiver receiver)
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.OnWrite = _ => new ValueTask(gate.Task);
        return gate;
    }
}
