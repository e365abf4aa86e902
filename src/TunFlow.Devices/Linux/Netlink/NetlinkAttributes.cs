using System.Runtime.InteropServices;

namespace TunFlow.Devices.Linux.Netlink;

/// <summary>Reads the attributes of a message.</summary>
internal static class NetlinkAttributes
{
    private const ushort TypeMask = 0x3FFF; // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

    internal static int Align(int length) => (length + 3) & ~3;

    /// <summary>Finds an attribute behind the first <paramref name="start"/> bytes of <paramref name="data"/>.</summary>
    internal static bool TryFind(ReadOnlySpan<byte> data, int start, ushort type, out ReadOnlySpan<byte> value)
    {
        value = default;
        int at = Align(start);
        while (at + NetlinkTypes.AttributeHeaderSize <= data.Length)
        {
            int length = MemoryMarshal.Read<ushort>(data[at..]);
            if (length < NetlinkTypes.AttributeHeaderSize || at + length > data.Length)
            {
                return false;
            }

            if ((MemoryMarshal.Read<ushort>(data[(at + 2)..]) & TypeMask) == type)
            {
                value = data[(at + NetlinkTypes.AttributeHeaderSize)..(at + length)];
                return true;
            }

            at += Align(length);
        }

        return false;
    }
}
