using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;
using TunFlow.Lwip;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.EndToEnd.Tests;

/// <summary>nmap through a tunnel: every port tells the truth, and nothing of it stays.</summary>
[TestFixture]
public sealed class ScanTests
{
    private const int OneMegabyte = 1_000_000;
    private const string Target = "198.51.100.7";
    private const int OpenPort = 80;

    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(30);

    [OneTimeSetUp]
    public void Check() => Requirements.Check("nmap");

    [Test]
    [AcceptanceRow(2)]
    public async Task Scan_of_all_TCP_ports_finds_the_open_one_and_leaves_nothing()
    {
        using SinkServer server = new();
        using Socket closed = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound and not listening: refused
        LimitedDialer dialer = new(server.Port, ((IPEndPoint)closed.LocalEndPoint!).Port);
        await using InProcessTunnel tunnel = InProcessTunnel.Start(StreamDialer.FromFunc(dialer.DialAsync));
        // A machine that has connected before; and the first connection starts what stays.
        using (await tunnel.Application.ConnectAsync(new IPEndPoint(IPAddress.Parse(Target), OpenPort)))
        {
        }

        await tunnel.SettleAsync(TimeSpan.FromSeconds(10));
        long native = tunnel.Statistics.NativeBytes;
        long managed = GC.GetTotalMemory(forceFullCollection: true);

        // With T5 it asks three times, and what the limiter drops more often is "filtered": more retries, no slower pace.
        ToolResult nmap = await tunnel.Application.RunAsync("nmap", "-sS", "-T5", "--max-retries", "8", "-Pn", "-n", "--send-ip", "-e", InProcessTunnel.Tun, "-p-", "-oG", "-", Target);

        string report = nmap.Succeeded();
        LwipStatistics scanned = tunnel.Statistics;
        TimeSpan settled = await tunnel.SettleAsync(TimeSpan.FromSeconds(60), native + OneMegabyte);
        LwipStatistics after = tunnel.Statistics;
        long grown = GC.GetTotalMemory(forceFullCollection: true) - managed;
        TestContext.Out.WriteLine($"{nmap.Elapsed.TotalSeconds:F1} s; {scanned.Dials} dials, {dialer.Most} at once at most, {scanned.Drops[PacketDropReason.PendingLimit]} SYNs dropped");
        TestContext.Out.WriteLine($"{settled.TotalSeconds:F1} s later: native bytes {native} before, {after.NativeBytes} after; managed bytes {managed} before, {grown} more after");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report, Does.Contain($"{OpenPort}/open/tcp"));
            Assert.That(report, Does.Contain("closed (65534)"), "every refused dial became a RST");
            Assert.That(nmap.Elapsed, Is.LessThan(s_longest));
            Assert.That(dialer.Most, Is.LessThanOrEqualTo(256), "dials at once of one source");
            Assert.That(after.Flows, Is.Zero);
            Assert.That(after.NativeBytes, Is.LessThan(native + OneMegabyte));
            Assert.That(grown, Is.LessThan(OneMegabyte));
            Assert.That(after.Asserts + after.UnexpectedExceptions, Is.Zero);
        }
    }

    [Test]
    [AcceptanceRow(2)]
    public async Task Scan_of_UDP_ports_is_answered_and_leaves_nothing()
    {
        LwipDeviceOptions options = new() { IcmpPerSecond = 10_000, UdpIdleTimeout = TimeSpan.FromSeconds(2), DnsIdleTimeout = TimeSpan.FromSeconds(2) };
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(1), options, new RefusingProxy());
        long native = tunnel.Statistics.NativeBytes;

        ToolResult nmap = await tunnel.Application.RunAsync("nmap", "-sU", "-T5", "-Pn", "-n", "--send-ip", "-e", InProcessTunnel.Tun, "-p1-2000", "-oG", "-", Target);

        string report = nmap.Succeeded();
        TimeSpan settled = await tunnel.SettleAsync(TimeSpan.FromSeconds(60), native + OneMegabyte);
        LwipStatistics after = tunnel.Statistics;
        TestContext.Out.WriteLine($"{nmap.Elapsed.TotalSeconds:F1} s; {after.SessionsOpened} sessions, gone {settled.TotalSeconds:F1} s later; native bytes {native} before, {after.NativeBytes} after");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report, Does.Contain("closed (2000)"), "every refused datagram became an ICMP message");
            Assert.That(nmap.Elapsed, Is.LessThan(s_longest));
            Assert.That(after.Sessions, Is.Zero);
            Assert.That(after.NativeBytes, Is.LessThan(native + OneMegabyte));
            Assert.That(after.Asserts + after.UnexpectedExceptions, Is.Zero);
        }
    }

    /// <summary>Dials one port's server and refuses all others, by the system's own sockets; and counts how many dials there are at once.</summary>
    private sealed class LimitedDialer(int open, int closed)
    {
        private readonly TcpDialer _dialer = new();
        private int _now;
        private int _most;

        internal int Most => Volatile.Read(ref _most);

        internal async ValueTask<StreamConnection> DialAsync(EndPoint remote, CancellationToken cancellationToken)
        {
            int now = Interlocked.Increment(ref _now);
            for (int most = Most; now > most; most = Most)
                Interlocked.CompareExchange(ref _most, now, most);
            try
            {
                int port = ((IPEndPoint)remote).Port == OpenPort ? open : closed;
                return await _dialer.DialStreamAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
            }
            finally
            {
                Interlocked.Decrement(ref _now);
            }
        }
    }

    /// <summary>A network where no UDP port is open.</summary>
    private sealed class RefusingProxy : IPacketProxy
    {
        public ValueTask<IPacketRequestSender> NewSessionAsync(IPacketResponseReceiver receiver, CancellationToken cancellationToken = default) =>
            new(new Session());

        private sealed class Session : IPacketRequestSender
        {
            public ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default) =>
                ValueTask.FromException(new NetworkException(NetworkError.PortUnreachable));

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
