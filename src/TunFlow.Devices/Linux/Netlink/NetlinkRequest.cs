using System.Runtime.InteropServices;

namespace TunFlow.Devices.Linux.Netlink;

/// <summary>A request under construction: <c>struct nlmsghdr</c>, the fixed body of its type, attributes. Numbers are in the machine's byte order.</summary>
internal ref struct NetlinkRequest
{
    /// <summary>More than any request here has.</summary>
    internal const int Capacity = 256;

    private readonly Span<byte> _buffer;
    private int _length;

    internal NetlinkRequest(Span<byte> buffer, ushort type, ushort flags)
    {
        _buffer = buffer;
        _buffer.Clear();
        MemoryMarshal.Write(_buffer[4..], in type);
        ushort all = (ushort)(flags | NetlinkTypes.Request | NetlinkTypes.Acknowledge);
        MemoryMarshal.Write(_buffer[6..], in all);
        Advance(NetlinkTypes.HeaderSize);
    }

    /// <summary>The request as it is sent; the sequence number is set by the socket.</summary>
    internal readonly Span<byte> Bytes => _buffer[.._length];

    /// <summary><c>struct ifinfomsg</c>.</summary>
    internal void AppendLink(int index, uint flags, uint change)
    {
        Span<byte> body = _buffer[_length..];
        MemoryMarshal.Write(body[4..], in index);
        MemoryMarshal.Write(body[8..], in flags);
        MemoryMarshal.Write(body[12..], in change);
        Advance(NetlinkTypes.LinkSize);
    }

    /// <summary><c>struct ifaddrmsg</c>.</summary>
    internal void AppendAddress(byte family, byte prefixLength, int index)
    {
        Span<byte> body = _buffer[_length..];
        body[0] = family;
        body[1] = prefixLength;
        MemoryMarshal.Write(body[4..], in index);
        Advance(8);
    }

    /// <summary><c>struct rtmsg</c> of a unicast route in the main table, without a gateway.</summary>
    internal void AppendRoute(byte family, byte prefixLength)
    {
        Span<byte> body = _buffer[_length..];
        body[0] = family;
        body[1] = prefixLength;
        body[4] = NetlinkTypes.RouteTableMain;
        body[5] = NetlinkTypes.RouteProtocolStatic;
        body[6] = family == NetlinkTypes.FamilyIp4 ? NetlinkTypes.RouteScopeLink : NetlinkTypes.RouteScopeUniverse;
        body[7] = NetlinkTypes.RouteTypeUnicast;
        Advance(NetlinkTypes.RouteSize);
    }

    /// <summary><c>struct rtmsg</c> of a question: which route leads to an address of that many bits.</summary>
    internal void AppendRouteQuestion(byte family, byte bits)
    {
        Span<byte> body = _buffer[_length..];
        body[0] = family;
        body[1] = bits;
        Advance(NetlinkTypes.RouteSize);
    }

    /// <summary><c>struct tcmsg</c>.</summary>
    internal void AppendTraffic(int index, uint handle, uint parent, uint information)
    {
        Span<byte> body = _buffer[_length..];
        MemoryMarshal.Write(body[4..], in index);
        MemoryMarshal.Write(body[8..], in handle);
        MemoryMarshal.Write(body[12..], in parent);
        MemoryMarshal.Write(body[16..], in information);
        Advance(20);
    }

    /// <summary>Attributes that are appended from here to <see cref="EndNested"/>, which takes what this returns, belong to the nested one.</summary>
    internal int BeginNested(ushort type)
    {
        int start = _length;
        AppendAttribute(type, []);
        return start;
    }

    internal readonly void EndNested(int start)
    {
        ushort length = (ushort)(_length - start);
        MemoryMarshal.Write(_buffer[start..], in length);
    }

    internal void AppendAttribute(ushort type, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        MemoryMarshal.Write(bytes, in value);
        AppendAttribute(type, bytes);
    }

    internal void AppendAttribute(ushort type, scoped ReadOnlySpan<byte> value)
    {
        Span<byte> attribute = _buffer[_length..];
        ushort length = (ushort)(NetlinkTypes.AttributeHeaderSize + value.Length);
        MemoryMarshal.Write(attribute, in length);
        MemoryMarshal.Write(attribute[2..], in type);
        value.CopyTo(attribute[NetlinkTypes.AttributeHeaderSize..]);
        Advance(length);
    }

    private void Advance(int bytes)
    {
        _length += NetlinkAttributes.Align(bytes);
        MemoryMarshal.Write(_buffer, in _length);
    }
}
