using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Fakes;

internal static class DeviceEnd
{
    /// <summary>Disposes a device that nobody reads, and reads what it still had to say: its last packets stay allocated until then.</summary>
    public static async Task DisposeAndDrainAsync(this LwipDevice device)
    {
        await device.DisposeAsync();
        byte[] buffer = new byte[PacketBuffer.MaxPacketLength];
        while (await device.ReadAsync(buffer) > 0)
        {
        }
    }
}
