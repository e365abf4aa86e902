using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow;

/// <content>What an application changes, and looks at, while the tunnel runs: the controls of its <see cref="LwipDevice"/>.</content>
public sealed partial class Tunnel
{
    /// <inheritdoc cref="LwipDevice.SetDialer"/>
    public void SetDialer(IStreamDialer dialer, ExistingFlows existing = ExistingFlows.Keep) => _stack.SetDialer(dialer, existing);

    /// <inheritdoc cref="LwipDevice.SetPacketProxy"/>
    public void SetPacketProxy(IPacketProxy packetProxy, ExistingFlows existing = ExistingFlows.Keep) => _stack.SetPacketProxy(packetProxy, existing);

    /// <inheritdoc cref="LwipDevice.AbortAll"/>
    public void AbortAll() => _stack.AbortAll();

    /// <summary>Follows a device whose MTU was changed, by <c>LinuxTunDevice.SetMtu</c> for instance: see <see cref="LwipDevice.SetMtu"/>. A device that takes another's place brings its own.</summary>
    /// <param name="mtu">The largest IP packet in bytes, 576 to 65,535. Below 1,280 IPv6 is not served.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is outside that range.</exception>
    /// <exception cref="ObjectDisposedException">The tunnel has ended.</exception>
    public void SetMtu(int mtu) => _stack.SetMtu(mtu);

    /// <inheritdoc cref="LwipDevice.OnResume"/>
    public void OnResume() => _stack.OnResume();

    /// <inheritdoc cref="LwipDevice.GetFlows"/>
    public IReadOnlyList<FlowSnapshot> GetFlows() => _stack.GetFlows();
}
