using System.Runtime.InteropServices;
using TunFlow.Devices.Linux.Native;
using TunFlow.Interop;
using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow;

/// <content>From the stack to the TUN.</content>
internal sealed unsafe partial class LinuxTunEngine : IOutputSink
{
    private const PacketOffloads SuperPackets = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation;

    private readonly PacketOffloads _offloads;

    // Used by whoever holds the output's token, so by one thread at a time.
    private byte[]? _segment;

    void IOutputSink.Write(TfOutput** entries, int count)
    {
        for (int i = 0; i < count; i++)
        {
            TfOutput* entry = entries[i];
            PacketOffloads needed = entry->Packets > 1 ? SuperPackets
                : entry->Offload.Checksum == (byte)TfChecksum.Partial ? PacketOffloads.Checksum
                : PacketOffloads.None;
            if ((needed & ~_offloads) == 0)
                WriteWhole(entry);
            else
                WriteSegments(entry);
        }
    }

    private void WriteWhole(TfOutput* entry)
    {
        // TfSlice is laid out as struct iovec, which the layout check of the library has verified.
        Span<TfSlice> slices = ((Span<TfSlice>)entry->Slices)[..(int)entry->SliceCount];
        // What the TUN refuses it counts; a closed one is noticed by the reading thread.
        _ = _descriptor.TryWrite(MemoryMarshal.Cast<TfSlice, IoVector>(slices), entry->Length, OffloadConversion.FromNative(in entry->Offload));
    }

    private void WriteSegments(TfOutput* entry)
    {
        _segment ??= GC.AllocateUninitializedArray<byte>(PacketBuffer.MaxPacketLength, pinned: true);
        fixed (byte* buffer = _segment)
        {
            for (uint i = 0; i < entry->Packets; i++)
            {
                int length = NativeMethods.tf_output_copy(entry, i, buffer, (uint)_segment.Length);
                _ = _descriptor.TryWrite(new ReadOnlySpan<byte>(buffer, length), default);
            }
        }
    }
}
