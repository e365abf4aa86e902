using System.Buffers.Binary;
using System.Runtime.InteropServices;
using TunFlow.Devices.Linux.Netlink;
using TunFlow.Network;

namespace TunFlow.Devices.Linux;

/// <summary>A bound for the SYNs that an interface lets through a second, kept by the kernel's queueing discipline HTB and two u32 filters.</summary>
/// <remarks>
/// <para>The queue of a TUN is one for all and drops whatever comes when it is full, so a flood of SYNs takes the segments of established
/// connections with it, however fast it is read. Here SYNs get a class of their own; everything else goes past it ("direct").</para>
/// <para>SYNs beyond the rate wait in the class. A local sender then sleeps in send(), because what waits counts against its socket's
/// buffer: the flood is as fast as it is let through, and its processor is free for others.</para>
/// <para>In the network namespace of the calling thread. The kernel removes it with the interface, and when that moves to another namespace.</para>
/// </remarks>
internal static class ConnectionLimit
{
    /// <summary>What may come at once after a pause: a browser with many pages to restore.</summary>
    private const int BurstMilliseconds = 50;

    private const uint Handle = 0x0001_0000; // 1:
    private const uint Class = Handle | 1; // 1:1
    private const ushort ProtocolIp4 = 0x0800;
    private const ushort ProtocolIp6 = 0x86DD;

    // So that a SYN of any size costs the same: the longest, of IPv6 with 20 bytes of options.
    private const ushort SynSize = 80;

    /// <summary>Installs it where the interface has no discipline but the kernel's own default.</summary>
    /// <param name="index">The interface.</param>
    /// <param name="perSecond">SYNs a second.</param>
    /// <returns>False, and nothing changed, where the kernel refuses: it lacks HTB or u32, or somebody has configured another discipline.</returns>
    internal static bool TryInstall(int index, int perSecond)
    {
        try
        {
            AddDiscipline(index);
        }
        catch (NetworkException)
        {
            return false;
        }

        try
        {
            AddClass(index, (uint)perSecond);
            // Behind the header without options: what has some, the stack refuses.
            AddFilter(index, ProtocolIp4, priority: 1, [(0, 0xFF000000, 0x45000000), (4, 0x00001FFF, 0), (8, 0x00FF0000, 0x00060000), (32, 0x00120000, 0x00020000)]);
            AddFilter(index, ProtocolIp6, priority: 2, [(4, 0x0000FF00, 0x00000600), (52, 0x00120000, 0x00020000)]);
            return true;
        }
        catch (NetworkException)
        {
            Remove(index);
            return false;
        }
    }

    private static void AddDiscipline(int index)
    {
        const ushort Initial = 2;
        NetlinkRequest request = Begin(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.NewDiscipline, index, Handle, NetlinkTypes.TrafficRoot, 0, "htb\0"u8);
        int options = request.BeginNested(NetlinkTypes.TrafficOptions);
        // struct tc_htb_glob: version, rate2quantum, the class of what no filter knows (none), debug, direct packets.
        request.AppendAttribute(Initial, MemoryMarshal.AsBytes<uint>([3, 10, 0, 0, 0]));
        request.EndNested(options);
        Transact(request, "Cannot set the queueing discipline HTB");
    }

    private static void AddClass(int index, uint perSecond)
    {
        const ushort Parameters = 1;
        const int RateSize = 12;
        const uint NanosecondsPerTick = 64;
        Span<byte> parameters = stackalloc byte[44];
        parameters.Clear();
        // struct tc_ratespec, twice (rate, ceiling): linklayer Ethernet means "no rate tables", mpu is the least that a packet counts.
        uint rate = perSecond * SynSize;
        parameters[1] = 1;
        BitConverter.TryWriteBytes(parameters[6..], SynSize);
        BitConverter.TryWriteBytes(parameters[8..], rate);
        parameters[..RateSize].CopyTo(parameters[RateSize..]);
        // The burst, as the time that it takes at the rate.
        const uint Burst = BurstMilliseconds * 1_000_000 / NanosecondsPerTick;
        BitConverter.TryWriteBytes(parameters[24..], Burst);
        BitConverter.TryWriteBytes(parameters[28..], Burst);
        BitConverter.TryWriteBytes(parameters[32..], (uint)SynSize * 16); // quantum; of one class alone
        NetlinkRequest request = Begin(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.NewTrafficClass, index, Class, Handle, 0, "htb\0"u8);
        int options = request.BeginNested(NetlinkTypes.TrafficOptions);
        request.AppendAttribute(Parameters, parameters);
        request.EndNested(options);
        Transact(request, "Cannot add the class of SYNs");
    }

    /// <param name="index">The interface.</param>
    /// <param name="protocol">Of Ethernet.</param>
    /// <param name="priority">The order of filters.</param>
    /// <param name="keys">32-bit words of the packet: offset, mask, value.</param>
    private static void AddFilter(int index, ushort protocol, uint priority, ReadOnlySpan<(int Offset, uint Mask, uint Value)> keys)
    {
        const ushort ClassId = 1;
        const ushort Selector = 5;
        const byte Terminal = 1;
        const int HeaderSize = 16;
        const int KeySize = 16;
        // struct tc_u32_sel, struct tc_u32_key.
        Span<byte> selector = stackalloc byte[HeaderSize + (keys.Length * KeySize)];
        selector.Clear();
        selector[0] = Terminal;
        selector[2] = (byte)keys.Length;
        for (int i = 0; i < keys.Length; i++)
        {
            Span<byte> key = selector[(HeaderSize + (i * KeySize))..];
            BinaryPrimitives.WriteUInt32BigEndian(key, keys[i].Mask);
            BinaryPrimitives.WriteUInt32BigEndian(key[4..], keys[i].Value);
            BitConverter.TryWriteBytes(key[8..], keys[i].Offset);
        }

        ushort networkOrder = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(protocol) : protocol;
        NetlinkRequest request = Begin(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.NewTrafficFilter, index, 0, Handle, (priority << 16) | networkOrder, "u32\0"u8);
        int options = request.BeginNested(NetlinkTypes.TrafficOptions);
        request.AppendAttribute(ClassId, Class);
        request.AppendAttribute(Selector, selector);
        request.EndNested(options);
        Transact(request, "Cannot add the filter for SYNs");
    }

    private static void Remove(int index)
    {
        var request = new NetlinkRequest(stackalloc byte[NetlinkRequest.Capacity], NetlinkTypes.DeleteDiscipline, 0);
        request.AppendTraffic(index, Handle, NetlinkTypes.TrafficRoot, 0);
        try
        {
            Transact(request, "Cannot remove the queueing discipline HTB");
        }
        catch (NetworkException)
        {
            // Left without a filter it lets everything pass, as if it were not there.
        }
    }

    private static NetlinkRequest Begin(Span<byte> buffer, ushort type, int index, uint handle, uint parent, uint information, ReadOnlySpan<byte> kind)
    {
        var request = new NetlinkRequest(buffer, type, NetlinkTypes.CreateExclusively);
        request.AppendTraffic(index, handle, parent, information);
        request.AppendAttribute(NetlinkTypes.TrafficKind, kind);
        return request;
    }

    private static void Transact(in NetlinkRequest request, string failure)
    {
        using var socket = new NetlinkSocket();
        socket.Transact(request, failure);
    }
}
