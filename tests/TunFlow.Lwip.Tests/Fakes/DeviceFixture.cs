using System.Net;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Fakes;

/// <summary>A device on virtual time with fakes behind it and a packet link in front of it.</summary>
internal abstract class DeviceFixture
{
    protected static readonly IPEndPoint Server4 = IPEndPoint.Parse("93.184.216.34:80");
    protected static readonly IPEndPoint Server6 = IPEndPoint.Parse("[2606:2800:220:1::1]:80");

    protected ManualTimeProvider Time { get; private set; } = null!;

    protected FakeDialer Dialer { get; private set; } = null!;

    protected FakePacketProxy Proxy { get; private set; } = null!;

    protected LwipDevice Device { get; private set; } = null!;

    protected PacketLink Link { get; private set; } = null!;

    protected LwipStatistics Statistics => Device.GetStatistics();

    protected virtual LwipDeviceOptions Options => new();

    [SetUp]
    public void SetUpDevice()
    {
        NativeLibraryRequirement.Check();
        Time = new ManualTimeProvider();
        Dialer = new FakeDialer();
        Proxy = new FakePacketProxy();
        Device = new LwipDevice(Dialer, Proxy, Options with { TimeProvider = Time });
        Link = new PacketLink(Device);
    }

    [TearDown]
    public async Task TearDownDevice()
    {
        if (Device is null)
            return;
        await Device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        await Link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(Device.GetStatistics().Asserts, Is.Zero, "failed assertions of lwIP");
    }

    /// <summary>Connects an application and returns it with its upstream.</summary>
    protected async Task<(TcpPeer Peer, FakeUpstream Upstream)> ConnectAsync(IPEndPoint? server = null)
    {
        TcpPeer peer = Link.CreatePeer(server ?? Server4);
        Assert.That(await peer.ConnectAsync(), Is.True, "connected");
        FakeUpstream? upstream = null;
        await Eventually.HoldsAsync(() => Dialer.Upstreams.TryDequeue(out upstream), "a dial");
        return (peer, upstream!);
    }

    /// <summary>Lets virtual time pass in small steps, so that what runs on the thread pool keeps up with it.</summary>
    protected async Task AdvanceAsync(TimeSpan time, Func<bool>? until = null)
    {
        TimeSpan step = TimeSpan.FromMilliseconds(100);
        for (TimeSpan passed = TimeSpan.Zero; passed < time && until?.Invoke() != true; passed += step)
        {
            Time.Advance(step);
            await Task.Delay(1);
        }
    }
}
