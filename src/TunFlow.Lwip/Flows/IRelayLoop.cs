using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>A thread that carries relays, and upstreams that it connects and waits for itself, so that a byte changes no threads on its way.</summary>
/// <remarks>No user code runs on it: what a relay has to ask of the application it asks on the thread pool.</remarks>
internal interface IRelayLoop
{
    /// <summary>Whether <see cref="DialAsync"/> can do what this dialer would, without running anything of the application's.</summary>
    bool CanDial(IStreamDialer dialer, IPEndPoint remote);

    /// <summary>Dials as the dialer would. The connection's calls continue on this thread.</summary>
    Task<StreamConnection> DialAsync(IStreamDialer dialer, IPEndPoint remote, CancellationToken cancellationToken);

    /// <summary>Runs work on this thread, soon; on the thread pool, once the thread has ended. Any thread may ask.</summary>
    void Post(IThreadPoolWorkItem work);
}
