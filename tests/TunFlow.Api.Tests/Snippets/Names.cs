using System.Net;
using TunFlow.Network;
using TunFlow.Network.Resolvers;

namespace TunFlow.Api.Tests.Snippets;

/// <summary>Code of the README between its markers: compiled here, compared there.</summary>
internal static class Names
{
    internal static async Task RunAsync(SocketConfigurator uplink)
    {
        // <snippet>
        // Asked over TLS, by the uplink. The server is given as an address: something has to be known without asking.
        TlsResolver resolver = new(IPEndPoint.Parse("9.9.9.9:853"), "dns.quad9.net", uplink);
        IPAddress[] addresses = await resolver.LookUpAddressesAsync("example.org");

        // Connections to names: A and AAAA are asked for at once, and the address that answers first wins (RFC 8305).
        HappyEyeballsStreamDialer dialer = new(new TcpDialer(uplink), resolver);
        await using StreamConnection server = await dialer.DialStreamAsync("proxy.example.org:https");

        // A connection is a Stream, so whatever takes one follows: here HTTPS beside the tunnel.
        using HttpClient http = new(new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (context, cancel) => await dialer.DialStreamAsync(context.DnsEndPoint, cancel),
        });
        // </snippet>
        Console.WriteLine($"{addresses.Length} {server.RemoteEndPoint} {await http.GetStringAsync(new Uri("https://example.org/"))}");
    }
}
