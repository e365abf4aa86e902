using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.Devices.Linux;

namespace TunFlow.Devices.Tests;

/// <summary>The bound for new connections: what it holds back, what it lets through, and where it is not set.</summary>
[TestFixture("10.7.0.1", "10.7.0.", 24)]
[TestFixture("fd00:7::1", "fd00:7::", 64)]
internal sealed class ConnectionRateTests(string address, string neighbours, int prefix)
{
    private const byte Syn = 0x02;
    private const byte SynAck = 0x12;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly IPAddress _address = IPAddress.Parse(address);
    private TestNamespace _namespace = null!;

    [SetUp]
    public void SetUp()
    {
        TestNamespace.Require();
        _namespace = TestNamespace.Create();
        try
        {
            _namespace.Execute("tc", "qdisc replace dev lo root htb");
        }
        catch (Exception exception) when (exception is AssertionException or System.ComponentModel.Win32Exception)
        {
            Assert.Ignore("needs tc and a kernel with HTB: " + exception.Message);
        }
    }

    [TearDown]
    public void TearDown() => _namespace?.Dispose();

    [Test]
    public async Task Fifteen_thousand_a_second_is_the_default()
    {
        await using LinuxTunDevice device = Open(new LinuxTunOptions { Name = "t" });
        string shown = _namespace.Execute("tc", "class show dev t");
        Assert.That(device.ConnectionRate, Is.EqualTo(12_500));
        Assert.That(shown, Does.Contain("htb 1:1 ").And.Contain("rate 8Mbit"), "12,500 of 80 bytes");
    }

    [Test]
    public async Task SYNs_beyond_the_rate_wait_and_datagrams_pass_them()
    {
        const int perSecond = 10;
        await using LinuxTunDevice device = Open(new LinuxTunOptions { ConnectionRate = perSecond });
        Assert.That(device.ConnectionRate, Is.EqualTo(perSecond));
        List<Socket> clients = _namespace.Run(() => Enumerable.Range(0, 100).Select(_ => new Socket(_address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)).ToList());
        long started = Stopwatch.GetTimestamp();
        try
        {
            foreach (Socket client in clients)
                _ = client.ConnectAsync(Neighbour(2), 80);
            using Socket socket = _namespace.Run(() => new Socket(_address.AddressFamily, SocketType.Dgram, ProtocolType.Udp));
            for (int i = 0; i < 100; i++)
                await socket.SendToAsync(new byte[1], new IPEndPoint(Neighbour(2), 7));

            int datagrams = 0, syns = 0;
            while (datagrams < 100)
            {
                byte[] packet = await ReadAsync(device);
                if (Protocol(packet) == Packets.Udp)
                    datagrams++;
                else if (Protocol(packet) == Packets.Tcp)
                    syns++;
            }

            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            TestContext.Out.WriteLine($"{syns} SYNs in {seconds:F3} s");
            Assert.That(syns, Is.GreaterThan(0).And.LessThanOrEqualTo((perSecond * seconds) + 3), "the rate, what may come at once, and one of each end of the measurement");
        }
        finally
        {
            foreach (Socket client in clients)
                client.Dispose();
        }
    }

    [Test]
    public async Task Answers_of_listeners_are_not_bounded()
    {
        await using LinuxTunDevice device = Open(new LinuxTunOptions { ConnectionRate = 1 });
        using Socket listener = _namespace.Run(() => new Socket(_address.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        listener.Bind(new IPEndPoint(_address, 80));
        listener.Listen(256);
        for (int i = 0; i < 50; i++)
            await device.WriteAsync(Packets.MakeTcp(Neighbour(10 + i), _address, sequence: 1, Syn, []));

        int answers = 0;
        while (answers < 50)
        {
            byte[] packet = await ReadAsync(device);
            if (Protocol(packet) == Packets.Tcp && packet[Packets.TransportOffset(packet) + 13] == SynAck)
                answers++;
        }

        Assert.That(device.ConnectionRate, Is.EqualTo(1));
    }

    [Test]
    public async Task Null_sets_none()
    {
        await using LinuxTunDevice device = Open(new LinuxTunOptions { Name = "t", ConnectionRate = null });
        Assert.That(device.ConnectionRate, Is.Null);
        Assert.That(_namespace.Execute("tc", "qdisc show dev t"), Does.Not.Contain("htb"));
    }

    [Test]
    public async Task An_interface_that_exists_keeps_its_own_discipline()
    {
        _namespace.Execute("ip", "tuntap add dev kept mode tun");
        string before = _namespace.Execute("tc", "qdisc show dev kept");
        await using (LinuxTunDevice device = _namespace.Run(() => LinuxTunDevice.Attach("kept")))
            Assert.That(device.ConnectionRate, Is.Null);
        Assert.That(_namespace.Execute("tc", "qdisc show dev kept"), Is.EqualTo(before));
    }

    [Test]
    public void Another_discipline_is_left_alone()
    {
        Assert.That(_namespace.Run(() => ConnectionLimit.TryInstall(LinuxInterface.GetIndex("lo"), 10)), Is.False, "there is one since the set-up");
        Assert.That(_namespace.Execute("tc", "class show dev lo"), Is.Empty);
    }

    [Test]
    public async Task What_the_kernel_refuses_half_way_is_taken_back()
    {
        await using LinuxTunDevice device = Open(new LinuxTunOptions { Name = "t", ConnectionRate = null });
        Assert.That(_namespace.Run(() => ConnectionLimit.TryInstall(LinuxInterface.GetIndex("t"), 0)), Is.False, "a class without a rate");
        Assert.That(_namespace.Execute("tc", "qdisc show dev t"), Does.Not.Contain("htb"));
    }

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(10_000_001)]
    public void Rates_that_cannot_be_are_refused(int rate) =>
        Assert.That(() => Open(new LinuxTunOptions { ConnectionRate = rate }), Throws.InstanceOf<ArgumentOutOfRangeException>());

    private LinuxTunDevice Open(LinuxTunOptions options) => _namespace.Run(() =>
    {
        LinuxTunDevice device = LinuxTunDevice.Create(options);
        device.AddAddress(_address, prefix);
        device.BringUp();
        return device;
    });

    private IPAddress Neighbour(int number) => IPAddress.Parse(neighbours + number);

    private static byte Protocol(byte[] packet) => packet[0] >> 4 == 4 ? packet[9] : packet[6];

    private static async Task<byte[]> ReadAsync(LinuxTunDevice device)
    {
        byte[] buffer = new byte[1500];
        int length = await device.ReadAsync(buffer).AsTask().WaitAsync(s_limit);
        return buffer[..length];
    }
}
