using System.Net;
using TunFlow.Testing.Packets;

namespace TunFlow.Network.Tests;

/// <summary>An in-memory link. Its other end is read, in the background, from when somebody asks what arrived there; until then nobody does.</summary>
internal sealed class MemoryLink
{
    private readonly Queue<byte[]> _arrived = new();
    private readonly SemaphoreSlim _count = new(0);
    private readonly Lazy<Task> _receiving;
    private long _delivered;

    public MemoryLink(PacketOffloads offloads = PacketOffloads.None, int mtu = 1500)
    {
        (Subject, Other) = MemoryDevice.CreatePair(new MemoryDeviceOptions { SupportedOffloads = offloads, Mtu = mtu });
        _receiving = new Lazy<Task>(() => Task.Run(ReceiveAsync));
    }

    public MemoryDevice Subject { get; }

    public MemoryDevice Other { get; }

    public async Task<byte[]> ProvokeAsync(byte mark)
    {
        byte[] packet = PacketBuilder.UdpDatagram(IPEndPoint.Parse("192.0.2.1:7"), IPEndPoint.Parse("10.9.0.2:6000"), [1, 2, 3, mark]);
        await Other.WriteAsync(packet);
        return packet;
    }

    public async Task<byte[]> TakeAsync()
    {
        _ = _receiving.Value;
        Assert.That(await _count.WaitAsync(TimeSpan.FromSeconds(20)), Is.True, "a packet arrives");
        lock (_arrived)
        {
            return _arrived.Dequeue();
        }
    }

    public long CountDelivered()
    {
        _ = _receiving.Value;
        return Volatile.Read(ref _delivered);
    }

    private async Task ReceiveAsync()
    {
        PacketBuffer[] packets = [.. Enumerable.Range(0, 16).Select(_ => new PacketBuffer(new byte[PacketBuffer.MaxPacketLength]))];
        int count;
        while ((count = await Other.ReadBatchAsync(packets)) > 0)
        {
            lock (_arrived)
            {
                for (int i = 0; i < count; i++)
                {
                    _arrived.Enqueue(packets[i].Packet.ToArray());
                }
            }

            Interlocked.Add(ref _delivered, count);
            _count.Release(count);
        }
    }
}
