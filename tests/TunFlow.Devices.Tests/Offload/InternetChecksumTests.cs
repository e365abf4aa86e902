using System.Buffers.Binary;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

internal sealed class InternetChecksumTests
{
    [Test]
    public void The_example_of_RFC_1071_sums_to_ddf2()
    {
        byte[] data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        byte[] stored = new byte[2];
        InternetChecksum.Store(stored, InternetChecksum.Fold(InternetChecksum.Add(0, data)));
        Assert.That(BinaryPrimitives.ReadUInt16BigEndian(stored), Is.EqualTo(0xddf2));
    }

    [Test]
    public void A_known_IPv4_header_has_its_known_checksum()
    {
        byte[] header = Convert.FromHexString("4500003C1C4640004006" + "0000" + "AC100A63AC100A0C");
        InternetChecksum.Store(header.AsSpan(10), InternetChecksum.Complete(InternetChecksum.Add(0, header)));
        Assert.That(BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(10)), Is.EqualTo(0xB1E6));
    }

    [Test]
    public void Every_length_agrees_with_the_byte_by_byte_sum()
    {
        var random = new Random(7);
        byte[] data = new byte[200];
        random.NextBytes(data);
        byte[] stored = new byte[2];
        for (int length = 0; length <= data.Length; length++)
        {
            for (int start = 0; start < 4 && start + length <= data.Length; start++)
            {
                ReadOnlySpan<byte> piece = data.AsSpan(start, length);
                InternetChecksum.Store(stored, (ushort)~InternetChecksum.Fold(InternetChecksum.Add(0, piece)));
                Assert.That(BinaryPrimitives.ReadUInt16BigEndian(stored), Is.EqualTo(Packets.Checksum(piece.ToArray())), $"length {length}");
            }
        }
    }

    [Test]
    public void Carries_of_large_areas_are_not_lost()
    {
        byte[] data = new byte[1 << 20];
        data.AsSpan().Fill(0xFF);
        Assert.That(InternetChecksum.Fold(InternetChecksum.Add(ushort.MaxValue, data)), Is.EqualTo(0xFFFF));
    }

    [Test]
    public void Pieces_sum_up_to_the_whole()
    {
        byte[] data = new byte[64];
        new Random(3).NextBytes(data);
        ulong pieces = InternetChecksum.Add(InternetChecksum.Add(0, data.AsSpan(0, 22)), data.AsSpan(22));
        Assert.That(InternetChecksum.Fold(pieces), Is.EqualTo(InternetChecksum.Fold(InternetChecksum.Add(0, data))));
    }

    [Test]
    public void Numbers_count_as_if_they_were_in_memory()
    {
        Assert.That(
            InternetChecksum.Fold(InternetChecksum.AddNumber(0, 0x1234)),
            Is.EqualTo(InternetChecksum.Fold(InternetChecksum.Add(0, [0x12, 0x34]))));
    }

    [Test]
    public void A_checksum_is_never_stored_as_zero()
    {
        Assert.That(InternetChecksum.Complete(InternetChecksum.Add(0, [0xFF, 0xFF])), Is.EqualTo(0xFFFF));
    }

    [TestCase(6, 0xFF, TestName = "A_checksum_of_zero_is_stored_as_FFFF_for_UDP")]
    [TestCase(16, 0x00, TestName = "A_checksum_of_zero_is_stored_as_it_is_for_TCP")]
    public void A_partial_checksum_whose_complement_is_zero(int offset, byte stored)
    {
        byte[] packet = new byte[40];
        packet[20] = packet[21] = 0xFF;

        Assert.That(PartialChecksum.TryComplete(packet, new PacketOffload { Checksum = ChecksumState.Partial, ChecksumStart = 20, ChecksumOffset = (ushort)offset }), Is.True);

        Assert.That(packet[(20 + offset)..(22 + offset)], Is.All.EqualTo(stored));
    }
}
