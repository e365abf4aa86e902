using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using TunFlow.Devices.Linux;
using TunFlow.Network;

namespace TunFlow.Devices;

// The interface by name, in the network namespace of the calling thread.
public sealed partial class LinuxTunDevice
{
    private const int MinMtu6 = 1280; // RFC 8200, section 5

    private readonly ConcurrentDictionary<IPAddress, int> _addresses6 = new();
    private volatile bool _isUp;

    /// <summary>Sets the interface's MTU. Needs CAP_NET_ADMIN, as all changes of the interface.</summary>
    /// <param name="mtu">68 to 65,535 bytes. Below 1,280 the kernel takes IPv6 off the interface.</param>
    /// <exception cref="NetworkException">No such interface in this namespace (<see cref="NetworkError.AddressNotAvailable"/>), or no right to.</exception>
    public void SetMtu(int mtu)
    {
        ThrowIfInvalid(mtu);
        LinuxInterface.SetMtu(Index(), mtu);
        _mtu = mtu;
        if (mtu < MinMtu6)
        {
            _addresses6.Clear();
        }
    }

    /// <summary>Asks the kernel for the interface's MTU and returns it.</summary>
    /// <exception cref="NetworkException">No such interface in this namespace.</exception>
    public int RefreshMtu() => _mtu = LinuxInterface.GetMtu(Index());

    /// <summary>Brings the interface up. Before that, writes are dropped. Waits, some milliseconds, until the addresses of <see cref="AddAddress"/> are in service.</summary>
    /// <exception cref="NetworkException">No such interface in this namespace, or no right to.</exception>
    public void BringUp()
    {
        LinuxInterface.SetUp(Index(), true);
        _isUp = true;
        foreach (IPAddress address in _addresses6.Keys)
        {
            WaitUntilLocal(address);
        }
    }

    /// <summary>Takes the interface down.</summary>
    /// <exception cref="NetworkException">No such interface in this namespace, or no right to.</exception>
    public void BringDown()
    {
        LinuxInterface.SetUp(Index(), false);
        _isUp = false;
    }

    /// <summary>Gives the interface an address. IPv6 addresses are usable at once (no duplicate address detection). One that it has already is no error.</summary>
    /// <param name="address">IPv4 or IPv6.</param>
    /// <param name="prefixLength">The size of the network that is reached through the interface, in bits.</param>
    /// <exception cref="NetworkException">No such interface in this namespace, no right to, or the kernel does not take the address.</exception>
    public void AddAddress(IPAddress address, int prefixLength)
    {
        ThrowIfInvalid(address, prefixLength);
        LinuxInterface.AddAddress(Index(), address, prefixLength);
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            _addresses6[address] = prefixLength;
            if (_isUp)
            {
                WaitUntilLocal(address);
            }
        }
    }

    /// <summary>Takes an address off the interface.</summary>
    /// <param name="address">The address.</param>
    /// <param name="prefixLength">Its prefix length in bits.</param>
    /// <exception cref="NetworkException">No such interface in this namespace, no right to, or it does not have the address.</exception>
    public void RemoveAddress(IPAddress address, int prefixLength)
    {
        ThrowIfInvalid(address, prefixLength);
        LinuxInterface.RemoveAddress(Index(), address, prefixLength);
        _addresses6.TryRemove(address, out _);
    }

    /// <summary>Adds a route through the interface, which must be up. One that exists already is no error.</summary>
    /// <param name="destination">The network; <c>0.0.0.0/0</c> and <c>::/0</c> are the default routes.</param>
    /// <exception cref="NetworkException">No such interface in this namespace, no right to, or the kernel does not take the route.</exception>
    public void AddRoute(IPNetwork destination) => LinuxInterface.AddRoute(Index(), destination);

    /// <summary>Removes a route through the interface.</summary>
    /// <param name="destination">The network.</param>
    /// <exception cref="NetworkException">No such interface in this namespace, no right to, or there is no such route.</exception>
    public void RemoveRoute(IPNetwork destination) => LinuxInterface.RemoveRoute(Index(), destination);

    /// <remarks>
    /// The kernel takes a new IPv6 address into service from a work queue. Until then it drops packets to the address, and the first
    /// connection would wait a second for a retransmission.
    /// </remarks>
    private static void WaitUntilLocal(IPAddress address)
    {
        const int MaxAttempts = 1000;
        for (int i = 0; i < MaxAttempts && !LinuxInterface.IsLocal(address); i++)
        {
            Thread.Sleep(1);
        }
    }

    private static void ThrowIfInvalid(IPAddress address, int prefixLength)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
    }

    private int Index()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return LinuxInterface.GetIndex(Name);
    }
}
