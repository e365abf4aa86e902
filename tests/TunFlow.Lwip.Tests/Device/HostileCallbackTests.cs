using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Device;

/// <summary>User code that registers a callback on its token which throws: cancelling it must not end the process, nor hold anything up.</summary>
[TestFixture]
internal sealed class HostileCallbackTests : DeviceFixture
{
    [Test]
    public async Task A_dial_that_times_out_with_a_throwing_callback_resets_its_flow_only()
    {
        TaskCompletionSource dialling = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Dialer.OnDial = async (_, token) =>
        {
            token.Register(static () => throw new InvalidOperationException("a bug in a callback"));
            dialling.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, CancellationToken.None);
            return null!;
        };
        TcpPeer peer = Link.CreatePeer(Server4);
        Task<bool> connect = peer.ConnectAsync();
        await dialling.Task.WaitAsync(TimeSpan.FromSeconds(10));

        await AdvanceAsync(TimeSpan.FromSeconds(11), () => connect.IsCompleted);

        Assert.That(await connect.WaitAsync(TimeSpan.FromSeconds(10)), Is.False);
        Assert.That(peer.WasReset, Is.True);
        await Eventually.HoldsAsync(() => Statistics is { Flows: 0, UnexpectedExceptions: 1 }, "the flow is gone and the exception counted");
        Dialer.OnDial = null;
        await ConnectAsync();
    }

    [Test]
    public async Task A_session_that_times_out_with_a_throwing_callback_ends_alone()
    {
        TaskCompletionSource opening = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Proxy.OnOpen = async (_, token) =>
        {
            token.Register(static () => throw new InvalidOperationException("a bug in a callback"));
            opening.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, CancellationToken.None);
        };
        Link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, [1, 2, 3]));
        await opening.Task.WaitAsync(TimeSpan.FromSeconds(10));

        await AdvanceAsync(TimeSpan.FromSeconds(11), () => Statistics.Sessions == 0);

        await Eventually.HoldsAsync(() => Statistics is { Sessions: 0, UnexpectedExceptions: >= 1 }, "the session is gone and the exception counted");
    }
}
