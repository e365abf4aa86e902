using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class TcpDialerTests
{
    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    public async Task ARefusedConnectionSaysSo(string address)
    {
        IPEndPoint closed = ClosedPort(address);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await new TcpDialer().DialStreamAsync(closed));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.ConnectionRefused));
        Assert.That(exception.HResult, Is.EqualTo(((SocketException)exception.InnerException!).NativeErrorCode));
    }

    [Test]
    public async Task ANameIsTriedInBothFamilies()
    {
        using Socket listener = TcpLoopback.Listen(IPAddress.Loopback);
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        Task<Socket> accept = listener.AcceptAsync();
        await using StreamConnection connection = await new TcpDialer().DialStreamAsync(new DnsEndPoint("localhost", port));
        using Socket accepted = await accept;
        Assert.That(((IPEndPoint)connection.RemoteEndPoint!).Port, Is.EqualTo(port));
        Assert.That(connection.LocalEndPoint, Is.EqualTo(accepted.RemoteEndPoint));
    }

    [Test]
    public async Task ANameWhoseAddressesAllRefuseIsRefused()
    {
        DnsEndPoint closed = new("localhost", ClosedPort("127.0.0.1").Port);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await new TcpDialer().DialStreamAsync(closed));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.ConnectionRefused));
    }

    [Test]
    public async Task AnUnknownNameSaysSo()
    {
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(
            async () => await new TcpDialer().DialStreamAsync(new DnsEndPoint("no-such-host.invalid", 80)));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NameNotResolved));
    }

    [Test]
    public async Task AnIPv4MappedAddressIsDialledAsIPv4()
    {
        using Socket listener = TcpLoopback.Listen(IPAddress.Loopback);
        IPEndPoint mapped = new(IPAddress.Loopback.MapToIPv6(), ((IPEndPoint)listener.LocalEndPoint!).Port);
        await using StreamConnection connection = await new TcpDialer().DialStreamAsync(mapped);
        Assert.That(connection.RemoteEndPoint, Is.EqualTo(listener.LocalEndPoint));
    }

    [Test]
    public async Task CancellingADialEndsItAndClosesTheSocket()
    {
        // A listener whose backlog is full doesn't answer the SYN on Linux: the dial hangs.
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        List<Socket> fillers = [];
        Socket? dialled = null;
        try
        {
            for (int i = 0; i < 4; i++)
            {
                Socket filler = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                fillers.Add(filler);
                await Task.WhenAny(filler.ConnectAsync(listener.LocalEndPoint!), Task.Delay(200));
            }

            using CancellationTokenSource cancel = new();
            TcpDialer dialer = new((socket, _) => dialled = socket);
            Task<StreamConnection> dial = dialer.DialStreamAsync(listener.LocalEndPoint!, cancel.Token).AsTask();
            await Task.Delay(100);
            Assume.That(dial.IsCompleted, Is.False, "this system answers beyond the backlog");
            long start = Stopwatch.GetTimestamp();
            await cancel.CancelAsync();
            OperationCanceledException exception = await Assert.ThrowsAsync<OperationCanceledException>(() => dial);
            Assert.That(exception.CancellationToken, Is.EqualTo(cancel.Token));
            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(1)));
            Assert.That(dialled!.SafeHandle.IsClosed, Is.True);
        }
        finally
        {
            fillers.ForEach(filler => filler.Dispose());
        }
    }

    [Test]
    public async Task TheConfiguratorSeesSocketAndRemoteBeforeTheConnect()
    {
        using Socket listener = TcpLoopback.Listen();
        List<(bool Connected, EndPoint? Remote)> seen = [];
        TcpDialer dialer = new((socket, remote) => seen.Add((socket.Connected, remote)));
        await using StreamConnection connection = await dialer.DialStreamAsync(listener.LocalEndPoint!);
        Assert.That(seen, Is.EqualTo(new (bool, EndPoint?)[] { (false, listener.LocalEndPoint) }));
    }

    [Test]
    public async Task AThrowingConfiguratorFailsTheDialAndClosesTheSocket()
    {
        Socket? dialled = null;
        TcpDialer dialer = new((socket, _) =>
        {
            dialled = socket;
            throw new InvalidOperationException("no protection");
        });
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dialer.DialStreamAsync(new IPEndPoint(IPAddress.Loopback, 9)));
        Assert.That(exception.InnerException, Is.TypeOf<InvalidOperationException>());
        Assert.That(dialled!.SafeHandle.IsClosed, Is.True);
    }

    [TestCase("127.0.0.1:9")]
    [TestCase("localhost:9")]
    public async Task AConfiguratorThatIsCancelledIsAnErrorAndNotTheCallersCancelling(string remote)
    {
        TcpDialer dialer = new((_, _) => throw new OperationCanceledException("the protect call gave up"));
        using CancellationTokenSource cancel = new();
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await dialer.DialStreamAsync(remote, cancel.Token));
        Assert.That(exception.Message, Does.Contain("the protect call gave up"));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.Unknown), "Nobody waited for anything.");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task NoDelayIsAsAsked(bool noDelay)
    {
        using Socket listener = TcpLoopback.Listen();
        bool? seen = null;
        TcpDialer dialer = new((socket, _) => seen = socket.NoDelay) { NoDelay = noDelay };
        await using StreamConnection connection = await dialer.DialStreamAsync(listener.LocalEndPoint!);
        Assert.That(seen, Is.EqualTo(noDelay));
        Assert.That(new TcpDialer().NoDelay, Is.True);
    }

    [TestCase(90, 90)]
    [TestCase(0, null)]
    public async Task KeepAliveIsAsAsked(int seconds, int? expected)
    {
        using Socket listener = TcpLoopback.Listen();
        int? seen = null;
        TcpDialer dialer = new((socket, _) => seen = (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)! == 0
            ? null
            : (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)!) { KeepAlive = TimeSpan.FromSeconds(seconds) };
        await using StreamConnection connection = await dialer.DialStreamAsync(listener.LocalEndPoint!);
        Assert.That(seen, Is.EqualTo(expected));
        Assert.That(new TcpDialer().KeepAlive, Is.EqualTo(TimeSpan.FromSeconds(60)));
        Assert.That(() => new TcpDialer { KeepAlive = TimeSpan.FromSeconds(-1) }, Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task WrongArgumentsAreRejected()
    {
        TcpDialer dialer = new();
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await dialer.DialStreamAsync((EndPoint)null!));
        await Assert.ThrowsAsync<ArgumentException>(async () => await dialer.DialStreamAsync(new UnixDomainSocketEndPoint("/nowhere")));
        Assert.That(() => new TcpDialer { AttemptTimeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new TcpDialer { AttemptTimeout = TimeSpan.MaxValue }, Throws.TypeOf<ArgumentOutOfRangeException>());
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await dialer.DialStreamAsync(new IPEndPoint(IPAddress.Loopback, 9), new CancellationToken(canceled: true)));
    }

    [TestCase("255.255.255.255")]
    [TestCase("fe80::1%9999")]
    public async Task AnUnreachableNetworkSaysSo(string address)
    {
        // Linux routes neither: the limited broadcast is no destination for TCP, and there is no link of that scope.
        Assume.That(OperatingSystem.IsLinux(), Is.True);
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(
            async () => await new TcpDialer().DialStreamAsync(new IPEndPoint(IPAddress.Parse(address), 80)));
        Assert.That(exception.Error, Is.EqualTo(NetworkError.NetworkUnreachable));
        Assert.That(exception.HResult, Is.EqualTo(101), "errno");
    }

    private static IPEndPoint ClosedPort(string address)
    {
        // Bound and not listening: the port can't be taken by anybody else meanwhile, and refuses.
        Socket socket = new(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        s_closed.Add(socket);
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    private static readonly List<Socket> s_closed = [];

    [OneTimeTearDown]
    public void ReleasePorts() => s_closed.ForEach(socket => socket.Dispose());
}
