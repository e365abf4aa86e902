using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow.EndToEnd.Tests;

/// <summary>Flows of real sockets in a namespace, seen from inside the tunnel's process.</summary>
[TestFixture(false)]
[TestFixture(true)]
public sealed class FlowTests(bool general)
{
    private static readonly IPEndPoint s_anywhere = new(IPAddress.Parse("198.51.100.7"), 80);

    // A thousand FINs at once are more than a TUN's queue holds; the kernel repeats those that it dropped, later each time, and TIME_WAIT begins anew with each.
    private static readonly TimeSpan s_settled = TimeSpan.FromSeconds(30);

    [OneTimeSetUp]
    public void Check() => Requirements.Check("python3");

    [Test]
    public async Task Dial_of_two_seconds_is_one_dial()
    {
        using Socket listener = Listen(out int port);
        int dials = 0;
        await using InProcessTunnel tunnel = InProcessTunnel.Start(StreamDialer.FromFunc(async (_, cancellationToken) =>
        {
            Interlocked.Increment(ref dials);
            await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);
            return await new TcpDialer().DialStreamAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
        }));
        long started = Stopwatch.GetTimestamp();

        // The kernel repeats its SYN after one second.
        using Socket client = await tunnel.Application.ConnectAsync(s_anywhere);

        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
        using Socket server = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout);
        await EchoOnceAsync(client, server);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(elapsed, Is.InRange(TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(8)));
            Assert.That(dials, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task Server_that_never_reads_disturbs_no_other()
    {
        using Socket listener = Listen(out int port);
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(port, general));
        using Socket stuck = await tunnel.Application.ConnectAsync(s_anywhere);
        using Socket silent = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout);
        await FillAsync(stuck);
        List<double> milliseconds = [];

        for (int i = 0; i < 11; i++)
        {
            long started = Stopwatch.GetTimestamp();
            using Socket client = await tunnel.Application.ConnectAsync(s_anywhere);
            using Socket server = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout);
            await EchoOnceAsync(client, server);
            milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        milliseconds.Sort();
        TestContext.Out.WriteLine($"connect, request and answer: {milliseconds[5]:F1} ms in the middle, {milliseconds[^1]:F1} ms at most");
        Assert.That(milliseconds[5], Is.LessThan(100));
    }

    [Test]
    public async Task Thousand_connections_leave_nothing_behind()
    {
        const int count = 1000;
        using Socket listener = Listen(out int port);
        await using InProcessTunnel tunnel = InProcessTunnel.Start(InProcessTunnel.ToLoopback(port, general));
        // The first connection starts threads and pools that stay.
        await OpenAndCloseAsync(tunnel, listener, 20);
        await SettleAsync(tunnel, TimeSpan.FromSeconds(10), int.MaxValue, long.MaxValue);
        int descriptors = CountDescriptors();
        int collections = GC.CollectionCount(2);

        // The engine keeps the blocks that it read its largest batch into, at most 16: a pass or two and it has all that it will need. A leak grows each time.
        long bytes = tunnel.Tunnel.GetStatistics().Stack.NativeBytes;
        for (int pass = 0; pass < 4; pass++)
        {
            long before = bytes;
            await OpenAndCloseAsync(tunnel, listener, count);
            await SettleAsync(tunnel, s_settled, descriptors, long.MaxValue);
            bytes = tunnel.Tunnel.GetStatistics().Stack.NativeBytes;
            if (bytes <= before)
                break;
        }

        int open = await OpenAndCloseAsync(tunnel, listener, count);

        TimeSpan settled = await SettleAsync(tunnel, s_settled, descriptors, bytes);
        LwipStatistics stack = tunnel.Tunnel.GetStatistics().Stack;
        TestContext.Out.WriteLine($"{open} flows open, all gone after {settled.TotalSeconds:F2} s; {GC.CollectionCount(2) - collections} collections");
        TestContext.Out.WriteLine($"descriptors: {descriptors} before, {CountDescriptors()} after");
        TestContext.Out.WriteLine($"native bytes: {bytes} before, {stack.NativeBytes} after, {stack.NativeBytesPeak} at most");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(open, Is.EqualTo(count));
            Assert.That(stack.Flows, Is.Zero);
            Assert.That(stack.NativeBytes, Is.LessThanOrEqualTo(bytes));
            Assert.That(CountDescriptors(), Is.LessThanOrEqualTo(descriptors));
            Assert.That(stack.UnexpectedExceptions + stack.Asserts, Is.Zero);
        }
    }

    [Test]
    public async Task Scan_of_refused_ports_leaves_nothing_behind()
    {
        const int count = 3000;
        IStreamDialer refusing = StreamDialer.FromFunc(static (_, _) => throw new NetworkException(NetworkError.ConnectionRefused));
        await using InProcessTunnel tunnel = InProcessTunnel.Start(refusing);

        ToolResult scan = await tunnel.Application.PythonAsync(
            """
            import collections, errno, selectors, socket, sys
            results, waiting = collections.Counter(), selectors.DefaultSelector()
            ports = iter(range(1, int(sys.argv[1]) + 1))
            open_ones = 0
            def start():
                global open_ones
                port = next(ports, None)
                if port is None:
                    return
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(("198.51.100.7", port))
                waiting.register(s, selectors.EVENT_WRITE)
                open_ones += 1
            for _ in range(100):
                start()
            while open_ones:
                for key, _ in waiting.select(20):
                    results[errno.errorcode.get(key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "connected")] += 1
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()
                    open_ones -= 1
                    start()
            print(dict(results))
            """,
            $"{count}");

        LwipStatistics stack = tunnel.Tunnel.GetStatistics().Stack;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(scan.Succeeded().Trim(), Is.EqualTo($"{{'ECONNREFUSED': {count}}}"));
            Assert.That(stack.Flows, Is.Zero);
            Assert.That(stack.DialsFailed, Is.EqualTo(count));
            Assert.That(stack.UnexpectedExceptions + stack.Asserts, Is.Zero);
        }
    }

    /// <summary>Opens connections, all at once, passes a byte each way through each, and closes them. Returns how many flows there were.</summary>
    private static async Task<int> OpenAndCloseAsync(InProcessTunnel tunnel, Socket listener, int count)
    {
        List<Socket> sockets = [];
        int open;
        try
        {
            List<Socket> clients = tunnel.Application.Do(() => Enumerable.Range(0, count).Select(static _ => CreateSocket()).ToList());
            sockets.AddRange(clients);
            Task connecting = Task.WhenAll(clients.Select(static client => client.ConnectAsync(s_anywhere)));
            List<Socket> servers = [];
            while (servers.Count < count)
                servers.Add(await listener.AcceptAsync().WaitAsync(TimeSpan.FromSeconds(20)));
            sockets.AddRange(servers);
            await connecting.WaitAsync(Tool.DefaultTimeout);
            await Task.WhenAll(clients.Select(static client => client.SendAsync(new byte[1])));
            await Task.WhenAll(servers.Select(static server => server.ReceiveAsync(new byte[1]))).WaitAsync(Tool.DefaultTimeout);
            open = tunnel.Tunnel.GetStatistics().Stack.Flows;
        }
        finally
        {
            foreach (Socket socket in sockets)
                socket.Dispose();
        }

        return open;
    }

    private static async Task<TimeSpan> SettleAsync(InProcessTunnel tunnel, TimeSpan limit, int descriptors, long bytes)
    {
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < limit)
        {
            LwipStatistics stack = tunnel.Tunnel.GetStatistics().Stack;
            if (stack.Flows == 0 && stack.NativeBytes <= bytes && CountDescriptors() <= descriptors)
                break;
            await Task.Delay(20);
        }

        return Stopwatch.GetElapsedTime(started);
    }

    /// <summary>Sockets, pipes, devices and event descriptors: files are the runtime's own, which loads assemblies when it likes.</summary>
    private static int CountDescriptors() =>
        Directory.GetFiles("/proc/self/fd").Count(static entry => new FileInfo(entry).LinkTarget is { } target && (target[0] != '/' || target.StartsWith("/dev/", StringComparison.Ordinal)));

    /// <summary>Sends until nothing more is taken: all buffers up to the server's are full.</summary>
    private static async Task FillAsync(Socket client)
    {
        byte[] data = new byte[65536];
        long sent = 0;
        while (true)
        {
            using CancellationTokenSource stuck = new(TimeSpan.FromMilliseconds(500));
            try
            {
                sent += await client.SendAsync(data, stuck.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.That(sent, Is.GreaterThan(65536));
                return;
            }
        }
    }

    private static async Task EchoOnceAsync(Socket client, Socket server)
    {
        byte[] buffer = new byte[4];
        await client.SendAsync("ping"u8.ToArray());
        await server.ReceiveAsync(buffer).WaitAsync(Tool.DefaultTimeout);
        await server.SendAsync(buffer);
        int count = await client.ReceiveAsync(buffer).WaitAsync(Tool.DefaultTimeout);
        Assert.That(buffer[..count], Is.EqualTo("ping"u8.ToArray()));
    }

    private static Socket CreateSocket() => new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    private static Socket Listen(out int port)
    {
        Socket listener = CreateSocket();
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(2048);
        port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        return listener;
    }
}
