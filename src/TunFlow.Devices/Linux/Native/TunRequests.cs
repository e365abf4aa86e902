namespace TunFlow.Devices.Linux.Native;

/// <summary>ioctl requests and flags of linux/if_tun.h.</summary>
internal static class TunRequests
{
    // _IOW/_IOR('T', n, int or unsigned int) on x86, ARM, RISC-V, LoongArch; PowerPC and MIPS number directions differently.
    internal const nuint SetInterface = 0x400454ca;
    internal const nuint GetInterface = 0x800454d2;
    internal const nuint SetOffload = 0x400454d0;
    internal const nuint GetHeaderSize = 0x800454d7;
    internal const nuint SetHeaderSize = 0x400454d8;

    internal const short FlagTun = 0x0001;
    internal const short FlagTap = 0x0002;
    internal const short FlagPersistent = 0x0800;
    internal const short FlagNoPacketInformation = 0x1000;
    internal const short FlagVirtioHeader = 0x4000;

    internal const uint OffloadChecksum = 0x01;
    internal const uint OffloadTcp4 = 0x02;
    internal const uint OffloadTcp6 = 0x04;
}
