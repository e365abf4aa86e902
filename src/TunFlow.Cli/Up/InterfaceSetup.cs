using System.Net;
using System.Runtime.Versioning;
using TunFlow.Cli.Arguments;
using TunFlow.Devices;
using TunFlow.Devices.Linux;
using TunFlow.Network;

namespace TunFlow.Cli.Up;

/// <summary>
/// The addresses and routes that were asked for. What was added to a persistent interface is taken away again at the end.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class InterfaceSetup(LinuxTunDevice device) : IDisposable
{
    private readonly Stack<Action> _undo = [];

    /// <summary>Whether there is an interface of this name, which then stays when the device is closed.</summary>
    internal static bool Exists(string name)
    {
        try
        {
            return LinuxInterface.GetIndex(name) > 0;
        }
        catch (NetworkException exception) when (exception.Error == NetworkError.AddressNotAvailable)
        {
            return false;
        }
    }

    internal void Apply(IEnumerable<InterfaceAddress> addresses, IEnumerable<IPNetwork> routes, bool persistent)
    {
        device.BringUp();
        foreach (InterfaceAddress address in addresses)
        {
            device.AddAddress(address.Address, address.PrefixLength);
            if (persistent)
                _undo.Push(() => device.RemoveAddress(address.Address, address.PrefixLength));
        }

        foreach (IPNetwork route in routes)
        {
            device.AddRoute(route);
            if (persistent)
                _undo.Push(() => device.RemoveRoute(route));
        }
    }

    public void Dispose()
    {
        while (_undo.TryPop(out Action? undo))
        {
            try
            {
                undo();
            }
            catch (NetworkException)
            {
                // Gone already: the interface was moved or deleted, or an address took its routes with it. Nothing is left to be
                // undone.
            }
        }
    }
}
