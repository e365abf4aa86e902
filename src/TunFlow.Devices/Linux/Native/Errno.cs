using System.Runtime.InteropServices;
using TunFlow.Network;

namespace TunFlow.Devices.Linux.Native;

/// <summary>Linux error numbers (asm-generic/errno.h; the same on every architecture that .NET runs on) and what they mean here.</summary>
internal static class Errno
{
    internal const int NotPermitted = 1;
    internal const int NotFound = 2;
    internal const int Interrupted = 4;
    internal const int InputOutput = 5;
    internal const int NoSuchDeviceOrAddress = 6;
    internal const int BadDescriptor = 9;
    internal const int TryAgain = 11;
    internal const int OutOfMemory = 12;
    internal const int AccessDenied = 13;
    internal const int BadAddress = 14;
    internal const int Busy = 16;
    internal const int Exists = 17;
    internal const int NoDevice = 19;
    internal const int InvalidArgument = 22;
    internal const int NotATerminal = 25;
    internal const int BrokenPipe = 32;
    internal const int BadDescriptorState = 77;
    internal const int MessageTooLarge = 90;
    internal const int NotSupported = 95;
    internal const int NoBufferSpace = 105;
    internal const int ConnectionReset = 104;
    internal const int NotConnected = 107;
    internal const int ConnectionRefused = 111;
    internal const int InProgress = 115;

    /// <summary>The number of the last call that was made with SetLastError on this thread.</summary>
    internal static int Last => Marshal.GetLastPInvokeError();

    internal static string Describe(int errno) => $"{Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})";

    /// <summary>An exception whose text is <paramref name="what"/> and the system's own words.</summary>
    internal static NetworkException Exception(int errno, string what) => new(Classify(errno), $"{what}: {Describe(errno)}.", errno);

    internal static NetworkError Classify(int errno) => errno switch
    {
        NotPermitted or AccessDenied => NetworkError.AccessDenied,
        OutOfMemory or NoBufferSpace or 23 or 24 => NetworkError.ResourceExhausted,
        NotFound or NoSuchDeviceOrAddress or NoDevice or 99 => NetworkError.AddressNotAvailable,
        BadDescriptor or BadDescriptorState or BrokenPipe => NetworkError.Closed,
        Busy or Exists or 98 => NetworkError.AddressInUse,
        MessageTooLarge => NetworkError.MessageTooLarge,
        ConnectionReset => NetworkError.ConnectionReset,
        ConnectionRefused => NetworkError.ConnectionRefused,
        103 => NetworkError.ConnectionAborted,
        NotSupported or NotATerminal or 93 or 97 => NetworkError.NotSupported,
        100 or 101 => NetworkError.NetworkUnreachable,
        112 or 113 => NetworkError.HostUnreachable,
        110 => NetworkError.TimedOut,
        _ => NetworkError.Unknown,
    };
}
