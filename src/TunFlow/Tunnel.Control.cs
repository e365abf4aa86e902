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

    /// <inheritdoc cref="LwipDevice.OnResume"/>
    public void OnResume() => _stack.OnResume();

    /// <inheritdoc cref="LwipDevice.GetFlows"/>
    public IReadOnlyList<FlowSnapshot> GetFlows() => _stack.GetFlows();
}
