using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>The contract of devices over the stack: what is written comes out of a session of the proxy, what is read went into one.</summary>
[TestFixture]
internal sealed class LwipDeviceConformanceTests : IPDeviceConformance
{
    private static readonly IPEndPoint Application = IPEndPoint.Parse("10.9.0.2:5000");
    private static readonly IPEndPoint Remote = IPEndPoint.Parse("192.0.2.1:7");

    private FakePacketProxy _proxy = null!;
    private FakeSession? _provoker;
    private long _taken;

    protected override long Dropped => ((LwipDevice)Subject).GetStatistics().Drops.Total;

    /// <summary>It runs in this process and has no other end.</summary>
    protected override bool CanBeClosedByOther => false;

    protected override Task<IIPDevice> CreateAsync()
    {
        NativeLibraryRequirement.Check();
        // One that swallows: an echo would add packets of its own.
        _proxy = new FakePacketProxy { OnDatagram = static (_, _, _) => ValueTask.CompletedTask };
        _provoker = null;
        _taken = 0;
        return Task.FromResult<IIPDevice>(new LwipDevice(new FakeDialer(), _proxy));
    }

    protected override Task CleanUpAsync() => Task.CompletedTask;

    protected override async Task<byte[]?> ProvokePacketAsync(byte mark)
    {
        if (_provoker is null)
        {
            // The first datagram opens the session that answers.
            await Subject.WriteAsync(PacketBuilder.UdpDatagram(Application, Remote, "open"u8));
            await EventuallyAsync(() => (_provoker = Find("open"u8.ToArray())) is not null, () => "a session is opened");
        }

        await _provoker!.Receiver.WriteFromAsync(new byte[] { mark, mark, mark }, Remote);
        return null;
    }

    protected override async Task<byte[]> TakeWrittenAsync()
    {
        byte[]? payload = null;
        await EventuallyAsync(() => Sessions.Any(session => TryTake(session, out payload)), () => "a datagram arrives");
        _taken++;
        return payload!;
    }

    protected override long CountDelivered() => _taken + Sessions.Sum(session => session.Received.Count);

    private IEnumerable<FakeSession> Sessions => _proxy.Sessions.Where(session => session != _provoker);

    private FakeSession? Find(byte[] payload) =>
        _proxy.Sessions.FirstOrDefault(session => session.Received.TryPeek(out (byte[] Payload, IPEndPoint) first) && first.Payload.SequenceEqual(payload));

    private static bool TryTake(FakeSession session, out byte[]? payload)
    {
        bool taken = session.Received.TryDequeue(out (byte[] Payload, IPEndPoint Destination) datagram);
        payload = datagram.Payload;
        return taken;
    }
}
