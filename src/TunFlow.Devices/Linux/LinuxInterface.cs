using System.Net;
using System.Net.Sockets;
using TunFlow.Devices.Linux.Native;
using TunFlow.Devices.Linux.Netlink;
using TunFlow.Network;

namespace TunFlow.Devices.Linux;

/// <summary>Network interfaces through rtnetlink, in the network namespace of the calling thread. Failures are <see cref="NetworkException"/> with the errno.</summary>
internal static class LinuxInterface
{
    internal static int GetIndex(string name)
    {
        uint index = SocketCalls.InterfaceIndex(name);
        return index != 0 ? (int)index : throw Errno.Exception(Errno.Last, $"There is no interface '{name}' in this network namespace");
    }

    internal static int GetMtu(int index)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.GetLink, 0);
        request.AppendLink(index, flags: 0, change: 0);
        Span<byte> answer = stackalloc byte[NetlinkSocket.MaxAnswer];
        using var socket = new NetlinkSocket();
        ReadOnlySpan<byte> link = socket.Ask(request, answer, "Cannot read the interface's MTU");
        return NetlinkAttributes.TryFind(link, NetlinkTypes.LinkSize, NetlinkTypes.LinkMtu, out ReadOnlySpan<byte> mtu) && mtu.Length == sizeof(int)
            ? BitConverter.ToInt32(mtu)
            : throw new NetworkException(NetworkError.ProtocolViolation, "The kernel did not tell the interface's MTU.");
    }

    internal static void SetMtu(int index, int mtu)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.NewLink, 0);
        request.AppendLink(index, flags: 0, change: 0);
        request.AppendAttribute(NetlinkTypes.LinkMtu, (uint)mtu);
        Transact(request, $"Cannot set the MTU to {mtu}");
    }

    internal static void SetUp(int index, bool up)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.NewLink, 0);
        request.AppendLink(index, up ? NetlinkTypes.InterfaceUp : 0, NetlinkTypes.InterfaceUp);
        Transact(request, up ? "Cannot bring the interface up" : "Cannot take the interface down");
    }

    internal static void AddAddress(int index, IPAddress address, int prefixLength)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.NewAddress, NetlinkTypes.CreateExclusively);
        AppendAddress(ref request, index, address, prefixLength);
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            // A point-to-point link has nobody to collide with, and detection would keep the address unusable for a second.
            request.AppendAttribute(NetlinkTypes.AddressFlags, NetlinkTypes.NoDuplicateDetection);
        }

        Transact(request, $"Cannot add the address {address}/{prefixLength}", tolerated: Errno.Exists);
    }

    internal static void RemoveAddress(int index, IPAddress address, int prefixLength)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.DeleteAddress, 0);
        AppendAddress(ref request, index, address, prefixLength);
        Transact(request, $"Cannot remove the address {address}/{prefixLength}");
    }

    internal static void AddRoute(int index, IPNetwork destination)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.NewRoute, NetlinkTypes.CreateExclusively);
        AppendRoute(ref request, index, destination);
        Transact(request, $"Cannot add the route {destination}", tolerated: Errno.Exists);
    }

    internal static void RemoveRoute(int index, IPNetwork destination)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.DeleteRoute, 0);
        AppendRoute(ref request, index, destination);
        Transact(request, $"Cannot remove the route {destination}");
    }

    /// <summary>Whether the kernel takes packets for an address. False also if it cannot say (no route at all).</summary>
    internal static bool IsLocal(IPAddress address)
    {
        const string Failure = "Cannot ask for the route to an address";
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out int size);
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.GetRoute, 0);
        request.AppendRouteQuestion(Family(address), (byte)(size * 8));
        request.AppendAttribute(NetlinkTypes.RouteDestination, bytes[..size]);
        Span<byte> answer = stackalloc byte[NetlinkSocket.MaxAnswer];
        using var socket = new NetlinkSocket();
        return socket.TryAsk(request, answer, Failure, out ReadOnlySpan<byte> route)
            && route.Length >= NetlinkTypes.RouteSize
            && route[NetlinkTypes.RouteTypeOffset] == NetlinkTypes.RouteTypeLocal;
    }

    private static void AppendAddress(ref NetlinkRequest request, int index, IPAddress address, int prefixLength)
    {
        request.AppendAddress(Family(address), (byte)prefixLength, index);
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out int size);
        request.AppendAttribute(NetlinkTypes.AddressLocal, bytes[..size]);
        request.AppendAttribute(NetlinkTypes.AddressPeer, bytes[..size]);
    }

    private static void AppendRoute(ref NetlinkRequest request, int index, IPNetwork destination)
    {
        byte family = Family(destination.BaseAddress);
        request.AppendRoute(family, (byte)destination.PrefixLength);
        Span<byte> bytes = stackalloc byte[16];
        _ = destination.BaseAddress.TryWriteBytes(bytes, out int size);
        request.AppendAttribute(NetlinkTypes.RouteDestination, bytes[..size]);
        request.AppendAttribute(NetlinkTypes.RouteInterface, (uint)index);
    }

    private static byte Family(IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetwork ? NetlinkTypes.FamilyIp4 : NetlinkTypes.FamilyIp6;

    private static void Transact(in NetlinkRequest request, string failure, int tolerated = 0)
    {
        using var socket = new NetlinkSocket();
        socket.Transact(request, failure, tolerated);
    }
}
