// Some networks and some proxies carry no UDP. Names must resolve all the same, and at once: the tunnel starts with a
// proxy that answers every DNS query with "truncated", upon which resolvers ask again by TCP. When a query of our own
// has come back by UDP, new sessions go the direct way; sessions that exist stay where they are.
using System.Net;
using System.Security.Cryptography;
using TunFlow;
using TunFlow.Devices;
using TunFlow.Network;

if (!OperatingSystem.IsLinux() || args.Length != 3)
{
    Console.Error.WriteLine("usage, on Linux and as root: UdpFallback INTERFACE NETWORK RESOLVER");
    return 2;
}

await using var tun = LinuxTunDevice.Create();
tun.AddAddress(IPAddress.Parse("10.255.0.1"), 24);
tun.BringUp();
tun.AddRoute(IPNetwork.Parse(args[1]));

var uplink = SocketConfigurators.BindToInterface(args[0]);
UdpListener sockets = new(uplink);
PacketListenerProxy direct = new(sockets);
DnsTruncatePacketProxy truncate = new();
DelegatePacketProxy packets = new(truncate);
await using var tunnel = Tunnel.Start(tun, new TcpDialer(uplink), packets);

// An application checks when the network changes and every few minutes; here whoever sits in front of it does.
IPEndPoint resolver = new(IPAddress.Parse(args[2]), 53);
do
{
    bool works = await UdpWorksAsync(sockets, resolver, TimeProvider.System);
    packets.SetProxy(works ? direct : truncate);
    Console.WriteLine($"UDP is {(works ? "carried" : "not carried, names are resolved by TCP")}. Enter checks again, Ctrl+D ends.");
}
while (Console.ReadLine() is not null);
return 0;

// Asks for the root's name servers, which every resolver knows (RFC 1035, section 4.1), up to three times.
static async Task<bool> UdpWorksAsync(IPacketListener listener, IPEndPoint resolver, TimeProvider time)
{
    byte[] query = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
    byte[] answer = new byte[512]; // of a longer one the rest is dropped; the header is all we look at
    RandomNumberGenerator.Fill(query.AsSpan(0, 2)); // the ID, so that nobody can answer who has not seen the question
    for (int attempt = 0; attempt < 3; attempt++)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(1), time);
        try
        {
            await using var socket = await listener.ListenPacketAsync(limit.Token);
            await socket.SendToAsync(query, resolver, limit.Token);
            ReceivedDatagram datagram;
            do
                datagram = await socket.ReceiveFromAsync(answer, limit.Token);
            while (!resolver.Equals(datagram.Source) || datagram.Length < 12 || !answer.AsSpan(0, 2).SequenceEqual(query.AsSpan(0, 2)));
            return true;
        }
        catch (Exception exception) when (exception is NetworkException or OperationCanceledException)
        {
            // Refused, unreachable, or silence: the next attempt, or none.
        }
    }

    return false;
}
