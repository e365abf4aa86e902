using System.Net;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

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
