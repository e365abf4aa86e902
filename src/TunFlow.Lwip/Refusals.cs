using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>How an application learns why it can't reach somebody.</summary>
internal static class Refusals
{
    /// <summary>A time-out becomes RST too: the application's own SYN retransmissions would only lead to the same wait again.</summary>
    public static TfRefusal From(NetworkError error) => error switch
    {
        NetworkError.HostUnreachable or NetworkError.AddressNotAvailable => TfRefusal.HostUnreachable,
        NetworkError.NetworkUnreachable => TfRefusal.NetworkUnreachable,
        NetworkError.AccessDenied => TfRefusal.Prohibited,
        _ => TfRefusal.Reset,
    };
}
