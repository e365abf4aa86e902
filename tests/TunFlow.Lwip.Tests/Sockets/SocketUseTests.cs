using System.Reflection;
using TunFlow.Devices;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests;

/// <summary>A VPN's own traffic must not loop into its tunnel: whatever opens a socket shows it to the <see cref="SocketConfigurator"/> first.</summary>
internal sealed class SocketUseTests
{
    private static readonly Assembly[] s_product = [typeof(IStreamDialer).Assembly, typeof(LwipDevice).Assembly, typeof(LinuxTunDevice).Assembly, typeof(Tunnel).Assembly];

    // Each with the reason why it is no leak. What is new here needs one.
    private static readonly SocketUse[] s_known =
    [
        // Called with the configurator right after; the other test below shows it.
        new("TunFlow.Network.TcpDialer", "System.Net.Sockets.Socket..ctor"),
        new("TunFlow.Network.UdpListener", "System.Net.Sockets.Socket..ctor"),
        new("TunFlow.Network.UdpDialer", "System.Net.Sockets.Socket..ctor"),

        // The system's resolver, by its own sockets; the documentation of those who use it says so, and HappyEyeballsStreamDialer is the way around it.
        new("TunFlow.Network.SocketEndPoints", "System.Net.Dns.GetHostAddressesAsync"),

        // Configures interfaces: ioctl and netlink sockets, which carry no traffic.
        new("TunFlow.Devices.Linux.Native.SocketCalls", "import socket"),

        // Connects by its ConnectCallback only.
        new("TunFlow.Network.Resolvers.HttpExchange", "System.Net.Http.SocketsHttpHandler..ctor"),
    ];

    [Test]
    public void Nothing_else_in_the_product_opens_sockets()
    {
        List<SocketUse> found = [.. s_product.SelectMany(assembly => SocketUseScanner.Scan(assembly.Location))];
        Assert.That(found, Is.EquivalentTo(s_known));
    }

    [Test]
    public void The_scan_finds_what_it_looks_for()
    {
        IReadOnlyList<SocketUse> found = SocketUseScanner.Scan(typeof(SocketUseTests).Assembly.Location);
        Assert.That(found, Does.Contain(new SocketUse(typeof(CarelessDialer).FullName!, "System.Net.Sockets.Socket..ctor")));
        Assert.That(found, Has.None.Property(nameof(SocketUse.Type)).EqualTo(typeof(ForgetfulListener).FullName));
    }

    public static IEnumerable<TestCaseData> Constructors() => s_product
        .SelectMany(ConfiguratorCheck.SelfReliant)
        .Select(constructor => new TestCaseData(constructor).SetArgDisplayNames($"{constructor.DeclaringType!.Name}({string.Join(", ", constructor.GetParameters().Select(parameter => parameter.ParameterType.Name))})"));

    [TestCaseSource(nameof(Constructors))]
    public async Task The_configurator_sees_the_sockets_of(ConstructorInfo constructor) =>
        Assert.That(await ConfiguratorCheck.ComplaintAsync(constructor), Is.Null);

    [Test]
    public async Task A_transport_that_leaves_the_configurator_out_is_complained_about()
    {
        List<string?> complaints = [];
        foreach (ConstructorInfo constructor in ConfiguratorCheck.SelfReliant(typeof(SocketUseTests).Assembly).Where(constructor => constructor.DeclaringType!.IsPublic))
        {
            complaints.Add(await ConfiguratorCheck.ComplaintAsync(constructor));
        }

        Assert.That(complaints, Has.Count.EqualTo(2).And.Some.Contains("CarelessDialer can be constructed").And.Some.Contains("ForgetfulListener opened a socket"));
    }

    [Test]
    public void Every_transport_that_is_known_to_open_sockets_is_found() =>
        Assert.That(
            s_product.SelectMany(ConfiguratorCheck.SelfReliant).Select(constructor => constructor.DeclaringType!.Name),
            Is.SupersetOf(new[] { "TcpDialer", "TcpEndpoint", "UdpDialer", "UdpEndpoint", "UdpListener", "UdpResolver", "TcpResolver", "TlsResolver", "HttpsResolver" }));
}
