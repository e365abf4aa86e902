using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TunFlow.Network;

/// <summary>The ones' complement sum of RFC 1071, in the machine's byte order.</summary>
/// <remarks>
/// The sum does not depend on the byte order as long as it is stored as it was read (RFC 1071, section 1.2 B), so nothing is
/// swapped. 32-bit words go into a 64-bit sum, which cannot overflow before 16 GiB of data.
/// </remarks>
internal static class InternetChecksum
{
    /// <summary>Adds data to a sum. Only the last piece of a checksummed area may have an odd length.</summary>
    internal static ulong Add(ulong sum, ReadOnlySpan<byte> data)
    {
        ref byte at = ref MemoryMarshal.GetReference(data);
        int length = data.Length;
        for (; length >= 16; length -= 16)
        {
            ulong first = Unsafe.ReadUnaligned<ulong>(ref at);
            ulong second = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, 8));
            sum += (first & uint.MaxValue) + (first >> 32) + (second & uint.MaxValue) + (second >> 32);
            at = ref Unsafe.Add(ref at, 16);
        }

        for (; length >= 4; length -= 4)
        {
            sum += Unsafe.ReadUnaligned<uint>(ref at);
            at = ref Unsafe.Add(ref at, 4);
        }

        if (length >= 2)
        {
            sum += Unsafe.ReadUnaligned<ushort>(ref at);
            at = ref Unsafe.Add(ref at, 2);
            length -= 2;
        }

        if (length != 0)
        {
            // The missing byte counts as zero behind the last one.
            sum += BitConverter.IsLittleEndian ? at : (ulong)at << 8;
        }

        return sum;
    }

    /// <summary>Adds a 16-bit number that is not in memory yet.</summary>
    internal static ulong AddNumber(ulong sum, ushort number) =>
        sum + (BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(number) : number);

    /// <summary>The folded sum, not complemented, as it is stored in memory.</summary>
    internal static ushort Fold(ulong sum)
    {
        sum = (sum & uint.MaxValue) + (sum >> 32);
        sum = (sum & uint.MaxValue) + (sum >> 32);
        sum = (sum & ushort.MaxValue) + (sum >> 16);
        sum = (sum & ushort.MaxValue) + (sum >> 16);
        return (ushort)sum;
    }

    /// <summary>The checksum to store for UDP. Never 0, which is reserved for "none" there (RFC 768); 0xFFFF means the same number.</summary>
    internal static ushort Complete(ulong sum)
    {
        ushort checksum = CompleteTcp(sum);
        return checksum == 0 ? ushort.MaxValue : checksum;
    }

    /// <summary>The checksum to store for TCP. 0 is one like others there; receivers take 0xFFFF in its place, but Wireshark calls it bad (RFC 1624 section 3).</summary>
    internal static ushort CompleteTcp(ulong sum) => (ushort)~Fold(sum);

    internal static void Store(Span<byte> field, ushort checksum) => MemoryMarshal.Write(field, in checksum);
}
