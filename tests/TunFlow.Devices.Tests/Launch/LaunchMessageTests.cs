using System.Buffers.Binary;
using TunFlow.Devices.Linux.Launch;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

[Platform("Linux")]
internal sealed class LaunchMessageTests
{
    [Test]
    public void A_failure_is_read_field_by_field()
    {
        byte[] data = Make(kind: 2);
        BinaryPrimitives.WriteInt32LittleEndian(data.AsSpan(8), 13);
        BinaryPrimitives.WriteInt32LittleEndian(data.AsSpan(12), 125);
        "why"u8.CopyTo(data.AsSpan(44));
        LaunchMessage message = LaunchMessage.Parse(data, null);
        Assert.That((message.Kind, message.Errno, message.ExitCode, message.Text), Is.EqualTo((LaunchMessageKind.Failed, 13, 125, "why")));
    }

    [Test]
    public void A_text_without_an_end_is_taken_to_the_end_of_the_message()
    {
        byte[] data = Make(kind: 3);
        data.AsSpan(44).Fill((byte)'x');
        Assert.That(LaunchMessage.Parse(data, null).Text, Has.Length.EqualTo(LaunchMessage.Size - 44));
    }

    [Test]
    public void What_is_no_message_of_this_version_is_refused()
    {
        byte[] otherVersion = Make(kind: 2);
        otherVersion[4] = 9;
        byte[] otherMagic = Make(kind: 2);
        otherMagic[0] ^= 1;
        foreach (byte[] data in new[] { otherVersion, otherMagic, Make(kind: 1), Make(kind: 4), Make(kind: 0), new byte[511] })
        {
            NetworkException exception = Assert.Throws<NetworkException>(() => LaunchMessage.Parse(data, null))!;
            Assert.That(exception.Error, Is.EqualTo(NetworkError.ProtocolViolation));
        }
    }

    private static byte[] Make(ushort kind)
    {
        byte[] data = new byte[LaunchMessage.Size];
        BinaryPrimitives.WriteUInt32LittleEndian(data, 0x314C4654);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(4), 1);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(6), kind);
        return data;
    }
}
