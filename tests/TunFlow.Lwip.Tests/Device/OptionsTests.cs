using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests.Device;

[TestFixture]
internal sealed class OptionsTests
{
    private static IEnumerable<TestCaseData> OutOfRange()
    {
        LwipDeviceOptions good = new();
        yield return Case(good with { Mtu = 575 }, nameof(good.Mtu));
        yield return Case(good with { Mtu = 65_536 }, nameof(good.Mtu));
        yield return Case(good with { DialTimeout = TimeSpan.Zero }, nameof(good.DialTimeout));
        yield return Case(good with { DialTimeout = Timeout.InfiniteTimeSpan }, nameof(good.DialTimeout));
        yield return Case(good with { IdleTimeout = TimeSpan.Zero }, nameof(good.IdleTimeout));
        yield return Case(good with { HalfClosedTimeout = TimeSpan.Zero }, nameof(good.HalfClosedTimeout));
        yield return Case(good with { EchoTimeout = Timeout.InfiniteTimeSpan }, nameof(good.EchoTimeout));
        yield return Case(good with { MaxPendingEchoes = 0 }, nameof(good.MaxPendingEchoes));
        yield return Case(good with { MaxFlows = 1 << 23 }, nameof(good.MaxFlows));
        yield return Case(good with { MaxFlows = 10 }, nameof(good.MaxPendingDials));
        yield return Case(good with { MaxPendingDialsPerSource = 2000 }, nameof(good.MaxPendingDialsPerSource));
        yield return Case(good with { ReceiveWindow = 1000 }, nameof(good.ReceiveWindow));
        yield return Case(good with { SendBuffer = 2 * 1024 * 1024 }, nameof(good.SendBuffer));
        yield return Case(good with { ReadOffloads = PacketOffloads.UdpSegmentation }, nameof(good.ReadOffloads));

        static TestCaseData Case(LwipDeviceOptions options, string name) => new TestCaseData(options, name).SetArgDisplayNames($"{name} of {options.Mtu}/{options.MaxFlows}");
    }

    [TestCaseSource(nameof(OutOfRange))]
    public void Values_out_of_range_are_named(LwipDeviceOptions options, string name)
    {
        ArgumentOutOfRangeException? error = Assert.Throws<ArgumentOutOfRangeException>(options.Validate);
        Assert.That(error!.ParamName, Is.EqualTo(name));
        Assert.That(() => new LwipDevice(new FakeDialer(), new FakePacketProxy(), options), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void The_defaults_are_valid() => Assert.That(() => new LwipDeviceOptions().Validate(), Throws.Nothing);

    [Test]
    public void A_device_needs_a_dialer_and_a_proxy()
    {
        Assert.That(() => new LwipDevice(null!, new FakePacketProxy()), Throws.ArgumentNullException);
        Assert.That(() => new LwipDevice(new FakeDialer(), null!), Throws.ArgumentNullException);
    }

    [TestCase(576)]
    [TestCase(1280)]
    [TestCase(9000)]
    [TestCase(65_535)]
    public async Task The_native_stack_takes_every_MTU_that_the_options_allow(int mtu)
    {
        NativeLibraryRequirement.Check();
        await using LwipDevice device = new(new FakeDialer(), new FakePacketProxy(), new LwipDeviceOptions { Mtu = mtu });
        Assert.That(device.Mtu, Is.EqualTo(mtu));
    }

    [Test]
    public async Task The_native_stack_takes_the_extremes_of_every_limit()
    {
        NativeLibraryRequirement.Check();
        LwipDeviceOptions small = new()
        {
            MaxFlows = 1, MaxPendingDials = 1, MaxPendingDialsPerSource = 1, MaxSessions = 1, ReceiveWindow = 16 * 1024, SendBuffer = 16 * 1024,
            MaxNativeBytes = 4 * 1024 * 1024, SessionQueueLength = 1, OutputQueueBytes = 128 * 1024, IcmpPerSecond = 1,
            MaxPendingEchoes = 1, HalfClosedTimeout = TimeSpan.FromMilliseconds(1), IdleTimeout = TimeSpan.FromMilliseconds(1), KeepAliveInterval = Timeout.InfiniteTimeSpan,
        };
        LwipDeviceOptions large = new()
        {
            ReceiveWindow = 1024 * 1024, SendBuffer = 1024 * 1024, MaxNativeBytes = long.MaxValue, SessionQueueLength = 65_536,
            OutputQueueBytes = int.MaxValue, IcmpPerSecond = 1_000_000, DialTimeout = TimeSpan.FromMinutes(10), UdpIdleTimeout = TimeSpan.FromDays(1),
            MaxPendingEchoes = 65_536, HalfClosedTimeout = TimeSpan.FromDays(365), IdleTimeout = TimeSpan.FromDays(365), KeepAliveInterval = TimeSpan.FromDays(365), LingerTimeout = TimeSpan.FromMinutes(10),
        };
        foreach (LwipDeviceOptions options in new[] { small, large })
        {
            await using LwipDevice device = new(new FakeDialer(), new FakePacketProxy(), options);
            Assert.That(device.GetStatistics().Flows, Is.Zero);
        }
    }

    [Test]
    [Weakness(31)]
    public void The_drop_reasons_are_those_of_the_native_stack()
    {
        Dictionary<int, string> native = Enum.GetValues<Interop.TfDrop>()
            .Where(static drop => drop != Interop.TfDrop.Reasons)
            .ToDictionary(static drop => (int)drop, static drop => drop.ToString());
        Assert.That(native, Has.Count.EqualTo((int)PacketDropReason.Oversized), "a native reason has no managed name");
        foreach ((int value, string name) in native)
            Assert.That(Enum.IsDefined((PacketDropReason)value), Is.True, name);
        Assert.That((int)PacketDropReason.OutputFull, Is.EqualTo((int)Interop.TfDrop.OutputFull));
        Assert.That((int)PacketDropReason.SessionQueue, Is.EqualTo((int)Interop.TfDrop.SessionQueue));
    }

    [Test]
    public void Endpoints_of_the_own_proxy_are_checked_and_copied()
    {
        LwipDeviceOptions withNull = new() { ProxyEndPoints = [null!] };
        Assert.That(withNull.Validate, Throws.InstanceOf<ArgumentException>().With.Property(nameof(ArgumentException.ParamName)).EqualTo(nameof(LwipDeviceOptions.ProxyEndPoints)));

        IPEndPoint mutable = IPEndPoint.Parse("192.0.2.1:443");
        LoopGuard guard = new([mutable, IPEndPoint.Parse("[fe80::1%3]:443")]);
        mutable.Port = 80;
        Assert.That(guard.IsOwn(IPEndPoint.Parse("192.0.2.1:443")), Is.True);
        Assert.That(guard.IsOwn(IPEndPoint.Parse("[fe80::1]:443")), Is.True, "packets carry no zone");
    }
}
