using TunFlow.Network;

namespace TunFlow.Lwip.Tests;

/// <summary>What must not be either: it takes a configurator and does not use it. The control of the checks.</summary>
/// <param name="configurator">Ignored.</param>
public sealed class ForgetfulListener(SocketConfigurator? configurator = null) : IPacketListener
{
    /// <summary>Keeps the compiler content.</summary>
    public SocketConfigurator? Ignored { get; } = configurator;

    /// <inheritdoc/>
    public ValueTask<IPacketConnection> ListenPacketAsync(CancellationToken cancellationToken = default) => new UdpListener().ListenPacketAsync(cancellationToken);
}
