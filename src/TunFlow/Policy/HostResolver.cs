using System.Net;
using System.Net.Sockets;

namespace TunFlow.Policy;

/// <summary>The resolver that the host itself asks, by resolv.conf(5).</summary>
internal static class HostResolver
{
    internal const int DnsPort = 53;

    internal const string DefaultPath = "/etc/resolv.conf";

    /// <summary>
    /// The first usable name server of the host's resolv.conf; without one the C library's default, which is the local host.
    /// </summary>
    internal static IPEndPoint Find(string path = DefaultPath)
    {
        try
        {
            return Parse(File.ReadLines(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A missing or unreadable file means to the C library the same as an empty one.
            return new IPEndPoint(IPAddress.Loopback, DnsPort);
        }
    }

    internal static IPEndPoint Parse(IEnumerable<string> lines)
    {
        foreach (string line in lines)
        {
            string[] words = line.Split([' ', '\t'], 3, StringSplitOptions.RemoveEmptyEntries);
            if (words is ["nameserver", var text, ..]
                && IPAddress.TryParse(text, out IPAddress? address)
                && address.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6)
            {
                return new IPEndPoint(address, DnsPort);
            }
        }

        return new IPEndPoint(IPAddress.Loopback, DnsPort);
    }
}
