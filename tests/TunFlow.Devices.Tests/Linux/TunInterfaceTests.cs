using System.Net;
using TunFlow.Devices.Linux;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

/// <summary>Creating, attaching, and the interface's settings through netlink, compared with what ip(8) says.</summary>
internal sealed class TunInterfaceTests
{
    private TestNamespace _namespace = null!;

    [SetUp]
    public void SetUp()
    {
        TestNamespace.Require();
        _namespace = TestNamespace.Create();
    }

    [TearDown]
    public void TearDown() => _namespace?.Dispose();

    [Test]
    public async Task The_kernel_chooses_a_number()
    {
        await using LinuxTunDevice first = Create(null);
        await using LinuxTunDevice second = Create(null);
        Assert.That((first.Name, second.Name), Is.EqualTo(("tun0", "tun1")));
        Assert.That(first.Mtu, Is.EqualTo(1500));
        Assert.That(first.SupportedOffloads, Is.EqualTo(PacketOffloads.Checksum | PacketOffloads.TcpSegmentation));
    }

    [Test]
    public async Task A_name_and_an_MTU_are_taken_as_given()
    {
        await using LinuxTunDevice device = Create(new LinuxTunOptions { Name = "vpn-name-of-15b", Mtu = 65_535 });
        Assert.That((device.Name, device.Mtu), Is.EqualTo(("vpn-name-of-15b", 65_535)));
        Assert.That(_namespace.Execute("ip", "link show vpn-name-of-15b"), Does.Contain("mtu 65535"));
    }

    [Test]
    public async Task The_interface_ends_with_the_device()
    {
        LinuxTunDevice device = Create(new LinuxTunOptions { Name = "gone" });
        await device.DisposeAsync();
        Assert.That(_namespace.Execute("ip", "-br link"), Does.Not.Contain("gone"));
        Assert.That(device.BringUp, Throws.TypeOf<ObjectDisposedException>());
    }

    [TestCase("")]
    [TestCase("sixteen-bytes-xx")]
    [TestCase("a/b")]
    [TestCase("a b")]
    [TestCase("..")]
    [TestCase("tun%s")]
    [TestCase("tun%d%d")]
    [TestCase("ünïcödé-häß")]
    public void Names_that_cannot_be_are_refused(string name) =>
        Assert.That(() => Create(new LinuxTunOptions { Name = name }), Throws.ArgumentException);

    [Test]
    public async Task A_name_that_is_taken_is_refused_with_that_reason()
    {
        await using LinuxTunDevice device = Create(new LinuxTunOptions { Name = "mine" });
        NetworkException exception = Assert.Throws<NetworkException>(() => Create(new LinuxTunOptions { Name = "mine" }))!;
        Assert.That(exception.Error, Is.EqualTo(NetworkError.AddressInUse));
        Assert.That(exception.HResult, Is.EqualTo(Errno.Busy));
        Assert.That(() => Create(new LinuxTunOptions { Name = "lo" }), Throws.TypeOf<NetworkException>());
    }

    [TestCase(PacketOffloads.None)]
    [TestCase(PacketOffloads.Checksum | PacketOffloads.TcpSegmentation)]
    public async Task A_persistent_interface_is_attached_and_stays(PacketOffloads offloads)
    {
        _namespace.Execute("ip", "tuntap add dev kept mode tun");
        _namespace.Execute("ip", "link set kept mtu 1300");
        for (int i = 0; i < 2; i++)
        {
            await using LinuxTunDevice device = _namespace.Run(() => LinuxTunDevice.Attach("kept", new LinuxTunOptions { Offloads = offloads }));
            Assert.That((device.Name, device.Mtu, device.SupportedOffloads), Is.EqualTo(("kept", 1300, offloads)));
        }

        Assert.That(_namespace.Execute("ip", "-br link"), Does.Contain("kept"));
    }

    [Test]
    public void What_does_not_exist_cannot_be_attached()
    {
        NetworkException exception = Assert.Throws<NetworkException>(() => _namespace.Run(() => LinuxTunDevice.Attach("nothing")))!;
        Assert.That(exception.Error, Is.EqualTo(NetworkError.AddressNotAvailable));
        Assert.That(exception.Message, Does.Contain("nothing"));
        Assert.That(_namespace.Execute("ip", "-br link"), Does.Not.Contain("nothing"));
    }

    [Test]
    public void A_TAP_is_no_TUN()
    {
        _namespace.Execute("ip", "tuntap add dev ether mode tap");
        Assert.That(() => _namespace.Run(() => LinuxTunDevice.Attach("ether")), Throws.TypeOf<NetworkException>());
    }

    [Test]
    public async Task Addresses_come_and_go()
    {
        await using LinuxTunDevice device = Create(new LinuxTunOptions { Name = "t" });
        _namespace.Run(() =>
        {
            device.BringUp();
            device.AddAddress(IPAddress.Parse("10.1.2.3"), 24);
            device.AddAddress(IPAddress.Parse("10.1.2.3"), 24); // has it already
            device.AddAddress(IPAddress.Parse("2001:db8::5"), 64);
        });
        string shown = _namespace.Execute("ip", "addr show dev t");
        Assert.That(shown, Does.Contain("inet 10.1.2.3/24").And.Contain("inet6 2001:db8::5/64").And.Not.Contain("tentative"));
        Assert.That(shown, Does.Contain("nodad"));
        _namespace.Run(() =>
        {
            device.RemoveAddress(IPAddress.Parse("10.1.2.3"), 24);
            device.RemoveAddress(IPAddress.Parse("2001:db8::5"), 64);
            NetworkException exception = Assert.Throws<NetworkException>(() => device.RemoveAddress(IPAddress.Parse("10.1.2.3"), 24))!;
            Assert.That(exception.Message, Does.Contain("10.1.2.3/24").And.Contain("errno 99"));
        });
        Assert.That(_namespace.Execute("ip", "addr show dev t"), Does.Not.Contain("10.1.2.3").And.Not.Contain("2001:db8::5"));
    }

    [Test]
    public async Task Routes_come_and_go()
    {
        await using LinuxTunDevice device = Create(new LinuxTunOptions { Name = "t" });
        IPNetwork[] networks = [IPNetwork.Parse("0.0.0.0/0"), IPNetwork.Parse("192.0.2.0/24"), IPNetwork.Parse("::/0"), IPNetwork.Parse("2001:db8:1::/48")];
        NetworkException down = Assert.Throws<NetworkException>(() => _namespace.Run(() => device.AddRoute(networks[0])))!;
        Assert.That(down.Message, Does.Contain("0.0.0.0/0"));
        _namespace.Run(() =>
        {
            device.AddAddress(IPAddress.Parse("10.1.2.3"), 32);
            device.AddAddress(IPAddress.Parse("2001:db8::5"), 128);
            device.BringUp();
            foreach (IPNetwork network in networks)
            {
                device.AddRoute(network);
                device.AddRoute(network); // exists already
            }
        });
        Assert.That(_namespace.Execute("ip", "route"), Does.Contain("default dev t").And.Contain("192.0.2.0/24 dev t"));
        Assert.That(_namespace.Execute("ip", "-6 route"), Does.Contain("default dev t").And.Contain("2001:db8:1::/48 dev t"));
        _namespace.Run(() =>
        {
            foreach (IPNetwork network in networks)
                device.RemoveRoute(network);
        });
        Assert.That(_namespace.Execute("ip", "route"), Is.Empty);
        Assert.That(_namespace.Execute("ip", "-6 route"), Does.Not.Contain("default").And.Not.Contain("2001:db8:1::"));
        Assert.That(() => _namespace.Run(() => device.RemoveRoute(networks[1])), Throws.TypeOf<NetworkException>());
    }

    [Test]
    public async Task The_MTU_can_be_changed_here_and_elsewhere()
    {
        await using LinuxTunDevice device = Create(new LinuxTunOptions { Name = "t", Mtu = 1400 });
        _namespace.Run(() => device.SetMtu(9000));
        Assert.That(device.Mtu, Is.EqualTo(9000));
        _namespace.Execute("ip", "link set dev t mtu 1280");
        Assert.That(_namespace.Run(device.RefreshMtu), Is.EqualTo(1280));
        Assert.That(device.Mtu, Is.EqualTo(1280));
        Assert.That(() => _namespace.Run(() => device.SetMtu(67)), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task Up_and_down()
    {
        await using LinuxTunDevice device = Create(new LinuxTunOptions { Name = "t" });
        _namespace.Run(device.BringUp);
        Assert.That(_namespace.Execute("ip", "link show dev t"), Does.Contain("UP"));
        _namespace.Run(device.BringDown);
        Assert.That(_namespace.Execute("ip", "link show dev t"), Does.Not.Contain(",UP"));
    }

    [Test]
    public void Refusals_of_netlink_carry_the_errno()
    {
        NetworkException exception = Assert.Throws<NetworkException>(() => _namespace.Run(() => LinuxInterface.SetUp(4711, true)))!;
        Assert.That((exception.Error, exception.HResult), Is.EqualTo((NetworkError.AddressNotAvailable, Errno.NoDevice)));
        Assert.Throws<NetworkException>(() => _namespace.Run(() => LinuxInterface.GetMtu(4711)));
        exception = Assert.Throws<NetworkException>(() => _namespace.Run(() => LinuxInterface.SetMtu(1, -5)))!;
        Assert.That(exception.Message, Does.Contain("Cannot set the MTU to -5"));
    }

    [Test]
    public async Task A_descriptor_of_a_TUN_in_another_namespace_is_adopted()
    {
        await using LinuxTunDevice original = Create(new LinuxTunOptions { Name = "far", Offloads = PacketOffloads.Checksum });
        await using LinuxTunDevice adopted = LinuxTunDevice.FromDescriptor(original.Descriptor.Handle, ownsHandle: false, mtu: 1500);
        Assert.That((adopted.Name, adopted.Mtu), Is.EqualTo(("far", 1500)));
        Assert.That(adopted.SupportedOffloads, Is.EqualTo(PacketOffloads.Checksum | PacketOffloads.TcpSegmentation));
        Assert.That(adopted.BringUp, Throws.TypeOf<NetworkException>(), "the interface is not in this namespace");
    }

    private LinuxTunDevice Create(LinuxTunOptions? options) => _namespace.Run(() => LinuxTunDevice.Create(options));
}
