using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;

namespace TunFlow.Network;

/// <summary>Ready-made <see cref="SocketConfigurator"/>s.</summary>
public static class SocketConfigurators
{
    // asm-generic/socket.h
    private const int LinuxSolSocket = 1;
    private const int LinuxSoMark = 36;
    private const int LinuxSoBindToDevice = 25;

    // linux/if.h: IFNAMSIZ, the terminating zero included.
    private const int LinuxInterfaceNameSize = 16;

    // ws2ipdef.h and Darwin's netinet/in.h, netinet6/in6.h.
    private const int IpProtoIp = 0;
    private const int IpProtoIpv6 = 41;
    private const int WindowsUnicastInterface = 31;
    private const int DarwinBoundInterface = 25;
    private const int DarwinIpv6BoundInterface = 125;

    /// <summary>Sends a socket's traffic through one network interface, whatever the routes say: SO_BINDTODEVICE on Linux, IP_UNICAST_IF on Windows, IP_BOUND_IF on macOS.</summary>
    /// <param name="name">The interface's name as the system shows it (<c>eth0</c>, <c>Ethernet</c>, <c>en0</c>). On Windows and macOS it is looked up for each socket, so it may come and go.</param>
    /// <returns>A configurator that throws <see cref="SocketException"/> or <see cref="NetworkException"/> if there is no such interface or the system forbids it.</returns>
    /// <exception cref="ArgumentException">The name is empty, or too long for the system.</exception>
    /// <exception cref="PlatformNotSupportedException">The system has no such option.</exception>
    public static SocketConfigurator BindToInterface(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (OperatingSystem.IsLinux() || OperatingSystem.IsAndroid())
        {
            byte[] value = Encoding.UTF8.GetBytes(name + '\0');
            if (value.Length > LinuxInterfaceNameSize)
            {
                throw new ArgumentException($"An interface name has at most {LinuxInterfaceNameSize - 1} bytes.", nameof(name));
            }

            return new SocketOption(LinuxSolSocket, LinuxSoBindToDevice, value).Set;
        }

        if (OperatingSystem.IsWindows())
        {
            return (socket, _) => BindByIndex(socket, name, WindowsUnicastInterface, WindowsUnicastInterface, ipv4IndexBigEndian: true);
        }

        if (OperatingSystem.IsMacOS() || OperatingSystem.IsIOS())
        {
            return (socket, _) => BindByIndex(socket, name, DarwinBoundInterface, DarwinIpv6BoundInterface, ipv4IndexBigEndian: false);
        }

        throw new PlatformNotSupportedException("Sockets can't be bound to an interface on this system.");
    }

    /// <summary>Marks a socket's traffic for policy routing and firewalls (SO_MARK). Needs CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17.</summary>
    /// <param name="mark">The mark, as <c>ip rule</c> and the firewall name it.</param>
    /// <returns>A configurator that throws <see cref="SocketException"/> where the right is missing.</returns>
    /// <exception cref="PlatformNotSupportedException">The system isn't Linux.</exception>
    public static SocketConfigurator Mark(uint mark)
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsAndroid())
        {
            throw new PlatformNotSupportedException("Socket marks exist on Linux only.");
        }

        return new SocketOption(LinuxSolSocket, LinuxSoMark, BitConverter.GetBytes(mark)).Set;
    }

    /// <summary>Calls several configurators in order; the first exception ends the row.</summary>
    /// <param name="configurators">The configurators. Nulls are left out.</param>
    /// <returns>A configurator, or null if there are none.</returns>
    public static SocketConfigurator? Combine(params ReadOnlySpan<SocketConfigurator?> configurators)
    {
        SocketConfigurator? all = null;
        foreach (SocketConfigurator? configurator in configurators)
        {
            all += configurator;
        }

        return all;
    }

    /// <summary>Whether nothing but this class's own code runs.</summary>
    internal static bool IsOwn(SocketConfigurator? configurator)
    {
        if (configurator is not null)
        {
            foreach (SocketConfigurator one in Delegate.EnumerateInvocationList(configurator))
            {
                if (one.Target is not SocketOption)
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static void BindByIndex(Socket socket, string name, int ipv4Option, int ipv6Option, bool ipv4IndexBigEndian)
    {
        NetworkInterface device = Array.Find(NetworkInterface.GetAllNetworkInterfaces(), candidate => candidate.Name == name)
            ?? throw new NetworkException(NetworkError.AddressNotAvailable, $"There is no network interface named {name}.");
        IPInterfaceProperties properties = device.GetIPProperties();

        // An interface has one index for both families. The option is set even where the interface lacks the family: such traffic has to fail, not to find another way.
        int number = device.Supports(NetworkInterfaceComponent.IPv4) ? properties.GetIPv4Properties().Index : properties.GetIPv6Properties().Index;
        Span<byte> index = stackalloc byte[sizeof(int)];

        // A dual-mode socket needs both: its IPv4 traffic obeys the IPv4 option only.
        if (socket.AddressFamily == AddressFamily.InterNetwork || socket.DualMode)
        {
            if (ipv4IndexBigEndian)
            {
                BinaryPrimitives.WriteInt32BigEndian(index, number);
            }
            else
            {
                BitConverter.TryWriteBytes(index, number);
            }

            socket.SetRawSocketOption(IpProtoIp, ipv4Option, index);
        }

        if (socket.AddressFamily == AddressFamily.InterNetworkV6)
        {
            BitConverter.TryWriteBytes(index, number);
            socket.SetRawSocketOption(IpProtoIpv6, ipv6Option, index);
        }
    }
}
