using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TunFlow.Devices.Linux.Native;

/// <summary><c>struct epoll_event</c>, which is packed to 12 bytes on x86-64 only and has 16 elsewhere (linux/eventpoll.h, EPOLL_PACKED).</summary>
internal static unsafe class EpollInterest
{
    internal const int MaxSize = 16;

    private static readonly bool IsPacked = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    internal static int Size => IsPacked ? 12 : MaxSize;

    internal static void Set(byte* interest, uint events, ulong data)
    {
        Unsafe.WriteUnaligned(interest, events);
        Unsafe.WriteUnaligned(interest + Size - sizeof(ulong), data);
    }

    internal static uint Events(byte* interest) => Unsafe.ReadUnaligned<uint>(interest);

    internal static ulong Data(byte* interest) => Unsafe.ReadUnaligned<ulong>(interest + Size - sizeof(ulong));
}
