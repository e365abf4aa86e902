using System.Runtime.CompilerServices;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

internal sealed class VirtioHeaderTests
{
    [Test]
    public void It_has_the_size_of_the_kernels_structure() => Assert.That(Unsafe.SizeOf<VirtioHeader>(), Is.EqualTo(VirtioHeader.Size));

    [Test]
    public void Nothing_left_to_do_is_all_zero() => Assert.That(VirtioHeader.From(default), Is.EqualTo(default(VirtioHeader)));

    [TestCase(GsoType.None, ChecksumState.Partial)]
    [TestCase(GsoType.Tcp4, ChecksumState.Partial)]
    [TestCase(GsoType.Tcp6, ChecksumState.Partial)]
    [TestCase(GsoType.Udp, ChecksumState.Partial)]
    public void An_offload_survives_the_way_through_the_header(GsoType gso, ChecksumState checksum)
    {
        var offload = new PacketOffload { Gso = gso, Checksum = checksum, GsoSize = 1448, HeaderLength = 52, ChecksumStart = 20, ChecksumOffset = 16 };
        Assert.That(VirtioHeader.From(offload).TryGetOffload(out PacketOffload back), Is.True);
        Assert.That(back, Is.EqualTo(offload));
    }

    [Test]
    public void Undefined_offsets_are_not_passed_on()
    {
        var header = new VirtioHeader { Flags = 2, ChecksumStart = 77, ChecksumOffset = 78 };
        Assert.That(header.TryGetOffload(out PacketOffload offload), Is.True);
        Assert.That(offload, Is.EqualTo(new PacketOffload { Checksum = ChecksumState.Valid }));
    }

    [Test]
    public void The_congestion_mark_does_not_hide_the_type()
    {
        var header = new VirtioHeader { Flags = 1, GsoType = 0x81, GsoSize = 1000 };
        Assert.That(header.TryGetOffload(out PacketOffload offload), Is.True);
        Assert.That(offload.Gso, Is.EqualTo(GsoType.Tcp4));
    }

    [TestCase(3)] // fragmentation of UDP datagrams, which no kernel asks for since 4.14
    [TestCase(9)]
    public void Unknown_types_are_refused(byte type) => Assert.That(new VirtioHeader { GsoType = type }.TryGetOffload(out _), Is.False);
}
