using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using TunFlow.Network;

namespace TunFlow.Devices.Linux.Launch;

/// <summary>What the launcher said: <c>struct tfl_message</c> of native/launcher/protocol.h.</summary>
internal sealed class LaunchMessage
{
    internal const int Size = 512;
    internal const ushort Version = 1;

    private const uint Magic = 0x314C4654;
    private const uint FlagIp6 = 1;
    private const uint FlagUserNamespace = 2;
    private const int NameOffset = 28;
    private const int NameSize = 16;
    private const int TextOffset = NameOffset + NameSize;

    internal LaunchMessageKind Kind { get; private init; }

    /// <summary>The errno of a failure, or 0.</summary>
    internal int Errno { get; private init; }

    /// <summary>What the launcher exits with after a failure.</summary>
    internal int ExitCode { get; private init; }

    /// <summary>False if the kernel or the MTU leaves no IPv6.</summary>
    internal bool HasIp6 { get; private init; }

    internal bool HasUserNamespace { get; private init; }

    internal int Mtu { get; private init; }

    internal string InterfaceName { get; private init; } = string.Empty;

    /// <summary>Failures: one line for the user.</summary>
    internal string Text { get; private init; } = string.Empty;

    /// <summary>Ready: the TUN's descriptor. Belongs to whoever received the message.</summary>
    internal SafeFileHandle? Tun { get; private init; }

    internal static LaunchMessage Parse(ReadOnlySpan<byte> data, SafeFileHandle? tun)
    {
        if (data.Length != Size || MemoryMarshal.Read<uint>(data) != Magic)
        {
            throw new NetworkException(NetworkError.ProtocolViolation, "The launcher sent something that is no launcher message.");
        }

        ushort version = MemoryMarshal.Read<ushort>(data[4..]);
        if (version != Version)
        {
            throw new NetworkException(NetworkError.ProtocolViolation, $"The launcher speaks version {version} of its protocol, this library version {Version}.");
        }

        var kind = (LaunchMessageKind)MemoryMarshal.Read<ushort>(data[6..]);
        uint flags = MemoryMarshal.Read<uint>(data[16..]);
        if (!Enum.IsDefined(kind) || (kind == LaunchMessageKind.Ready) != (tun is not null))
        {
            throw new NetworkException(NetworkError.ProtocolViolation, $"The launcher sent message {(int)kind} {(tun is null ? "without" : "with")} a descriptor.");
        }

        return new LaunchMessage
        {
            Kind = kind,
            Errno = MemoryMarshal.Read<int>(data[8..]),
            ExitCode = MemoryMarshal.Read<int>(data[12..]),
            HasIp6 = (flags & FlagIp6) != 0,
            HasUserNamespace = (flags & FlagUserNamespace) != 0,
            Mtu = MemoryMarshal.Read<int>(data[20..]),
            InterfaceName = ZeroTerminated(data.Slice(NameOffset, NameSize)),
            Text = ZeroTerminated(data[TextOffset..]),
            Tun = tun,
        };
    }

    private static string ZeroTerminated(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
