using System.Reflection;
using TunFlow.Network;
using TunFlow.Proxies;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests;

/// <summary>A VPN's own traffic must not loop into its tunnel: whatever opens a socket shows it to the <see cref="SocketConfigurator"/> first.</summary>
internal sealed class SocketUseTests
{
    private static readonly Assembly[] s_product = FindProduct(typeof(Tunnel).Assembly, typeof(Socks5StreamDialer).Assembly);

    // Each place with the reason why it is no leak, as often as it is there. What is new here needs one.
    private static readonly SocketUse[] s_known =
    [
        // Called with the configurator right after; the other test below shows it.
        new("TunFlow.Network.TcpDialer", "System.Net.Sockets.Socket..ctor"),
        new("TunFlow.Network.UdpListener", "System.Net.Sockets.Socket..ctor"),
        new("TunFlow.Network.UdpListener", "System.Net.Sockets.Socket..ctor"),
        new("TunFlow.Network.UdpListener", "System.Net.Sockets.Socket..ctor"),
        new("TunFlow.Network.UdpDialer", "System.Net.Sockets.Socket..ctor"),

        // Pass their own configurator on; the other test below shows it.
        new("TunFlow.Network.TcpEndpoint", "TunFlow.Network.TcpDialer..ctor"),
        new("TunFlow.Network.UdpEndpoint", "TunFlow.Network.UdpDialer..ctor"),
        new("TunFlow.Network.Resolvers.UdpResolver", "TunFlow.Network.UdpDialer..ctor"),
        new("TunFlow.Network.Resolvers.TcpResolver", "TunFlow.Network.TcpDialer..ctor"),
        new("TunFlow.Network.Resolvers.TlsResolver", "TunFlow.Network.TcpDialer..ctor"),
        new("TunFlow.Network.Resolvers.HttpsResolver", "TunFlow.Network.TcpDialer..ctor"),
        new("TunFlow.Proxies.Socks5StreamDialer", "TunFlow.Network.TcpDialer..ctor"),
        new("TunFlow.Proxies.Socks5PacketListener", "TunFlow.Network.TcpDialer..ctor"),
        new("TunFlow.Proxies.Socks5PacketListener", "TunFlow.Network.UdpDialer..ctor"),

        // With a policy that fetches nothing, unless the application gives one that does.
        new("TunFlow.Network.Resolvers.TlsSettings", "System.Net.Security.SslStream.AuthenticateAsClientAsync"),

        // The system's resolver, by its own sockets; the documentation of those who use it says so, and HappyEyeballsStreamDialer is the way around it.
        new("TunFlow.Network.SocketEndPoints", "System.Net.Dns.GetHostAddressesAsync"),

        // Configures interfaces: ioctl and netlink sockets, which carry no traffic.
        new("TunFlow.Devices.Linux.Native.SocketCalls", "import socket"),

        // Connects what TcpDialer made and configured; LoopRelayTests shows it.
        new("TunFlow.Devices.Linux.Native.SocketCalls", "import connect"),

        // Connects by its ConnectCallback only.
        new("TunFlow.Network.Resolvers.HttpExchange", "System.Net.Http.SocketsHttpHandler..ctor"),
    ];

    [Test]
    [Weakness(28)]
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
        Assert.That(found, Does.Contain(new SocketUse(typeof(ForgetfulListener).FullName!, "TunFlow.Network.UdpListener..ctor")));
        Assert.That(found.Count(use => use.Type == typeof(CarelessDialer).FullName), Is.EqualTo(2), "each place counts");
    }

    public static IEnumerable<TestCaseData> Constructors() => s_product
        .SelectMany(ConfiguratorCheck.SelfReliant)
        .Select(constructor => new TestCaseData(constructor).SetArgDisplayNames($"{constructor.DeclaringType!.Name}({string.Join(", ", constructor.GetParameters().Select(parameter => parameter.ParameterType.Name))})"));

    [Test]
    public void Every_library_under_src_is_looked_at()
    {
        string root = typeof(SocketUseTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static a => a.Key == "RepositoryRoot").Value!;

        // The command line is an application: its dialers are made of the library's, and its own tests look at them.
        IEnumerable<string> libraries = Directory.GetFiles(Path.Combine(root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Select(path => Path.GetFileNameWithoutExtension(path)).Where(name => name != "TunFlow.Cli");
        Assert.That(s_product.Select(assembly => assembly.GetName().Name), Is.SupersetOf(libraries));
    }

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
            Is.SupersetOf(new[] { "TcpDialer", "TcpEndpoint", "UdpDialer", "UdpEndpoint", "UdpListener", "UdpResolver", "TcpResolver", "TlsResolver", "HttpsResolver", "Socks5StreamDialer", "Socks5PacketListener" }));

    /// <summary>Assemblies of the product and all others that they bring along.</summary>
    private static Assembly[] FindProduct(params Assembly[] outermost)
    {
        Dictionary<string, Assembly> product = outermost.ToDictionary(assembly => assembly.GetName().Name!);
        Queue<Assembly> open = new(outermost);
        while (open.TryDequeue(out Assembly? assembly))
        {
            foreach (AssemblyName name in assembly.GetReferencedAssemblies().Where(name => name.Name!.StartsWith("TunFlow", StringComparison.Ordinal)))
            {
                Assembly referenced = Assembly.Load(name);
                if (product.TryAdd(name.Name!, referenced))
                {
                    open.Enqueue(referenced);
                }
            }
        }

        return [.. product.Values];
    }
}
