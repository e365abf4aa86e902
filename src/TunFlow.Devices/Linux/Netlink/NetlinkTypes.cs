namespace TunFlow.Devices.Linux.Netlink;

/// <summary>Numbers of linux/netlink.h, rtnetlink.h, if_link.h, if_addr.h and pkt_sched.h.</summary>
internal static class NetlinkTypes
{
    internal const ushort Error = 2;
    internal const ushort NewLink = 16;
    internal const ushort GetLink = 18;
    internal const ushort NewAddress = 20;
    internal const ushort DeleteAddress = 21;
    internal const ushort NewRoute = 24;
    internal const ushort DeleteRoute = 25;
    internal const ushort GetRoute = 26;

    internal const ushort Request = 0x01;
    internal const ushort Acknowledge = 0x04;
    internal const ushort CreateExclusively = 0x400 | 0x200;
    internal const ushort AcknowledgementIsCapped = 0x100;
    internal const ushort AcknowledgementHasAttributes = 0x200;
    internal const ushort AcknowledgementMessage = 1;

    internal const int HeaderSize = 16;
    internal const int LinkSize = 16;
    internal const int AttributeHeaderSize = 4;

    internal const ushort LinkMtu = 4;
    internal const uint InterfaceUp = 1;

    internal const ushort AddressPeer = 1;
    internal const ushort AddressLocal = 2;
    internal const ushort AddressFlags = 8;
    internal const uint NoDuplicateDetection = 0x02;

    internal const ushort RouteDestination = 1;
    internal const ushort RouteInterface = 4;
    internal const byte RouteTableMain = 254;
    internal const byte RouteProtocolStatic = 4;
    internal const byte RouteScopeUniverse = 0;
    internal const byte RouteScopeLink = 253;
    internal const byte RouteTypeUnicast = 1;
    internal const byte RouteTypeLocal = 2;
    internal const int RouteSize = 12;
    internal const int RouteTypeOffset = 7;

    internal const byte FamilyIp4 = 2;
    internal const byte FamilyIp6 = 10;

    internal const ushort NewDiscipline = 36;
    internal const ushort DeleteDiscipline = 37;
    internal const ushort NewTrafficClass = 40;
    internal const ushort NewTrafficFilter = 44;
    internal const ushort TrafficKind = 1;
    internal const ushort TrafficOptions = 2;
    internal const uint TrafficRoot = 0xFFFFFFFF;
}
