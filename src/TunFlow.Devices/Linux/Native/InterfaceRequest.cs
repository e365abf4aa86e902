using System.Runtime.InteropServices;
using System.Text;

namespace TunFlow.Devices.Linux.Native;

/// <summary><c>struct ifreq</c> (linux/if.h): a name and a union of 24 bytes, of which the TUN calls use the flags.</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
internal unsafe struct InterfaceRequest
{
    internal const int NameSize = 16;

    internal fixed byte Name[NameSize];
    internal short Flags;

    internal void SetName(string name)
    {
        fixed (byte* bytes = Name)
        {
            var room = new Span<byte>(bytes, NameSize);
            room.Clear();
            _ = Encoding.UTF8.GetBytes(name, room[..(NameSize - 1)]);
        }
    }

    internal string GetName()
    {
        fixed (byte* bytes = Name)
        {
            var room = new ReadOnlySpan<byte>(bytes, NameSize);
            int end = room.IndexOf((byte)0);
            return Encoding.UTF8.GetString(end < 0 ? room : room[..end]);
        }
    }
}
