using System.Runtime.CompilerServices;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <content>Where it runs: on the thread pool, or on the device's loop as long as nothing of the application's has to be called.</content>
internal sealed partial class FlowRelay
{
    private IRelayLoop? _loop;

    /// <summary>Whether nothing of the application's stands between the SYN and the upstream.</summary>
    private bool TryEnterLoop()
    {
        if (_context.Loop is not { } loop
            || _context.Options.Policy is not null
            || _context.Options.TimeProvider != TimeProvider.System
            || _context.Loops.IsOwn(_flow.Destination)
            || !loop.CanDial(_context.Upstreams.Current.Dialer, _flow.Destination))
            return false;
        _loop = loop;
        _flow.Loop = loop;
        return true;
    }

    /// <summary>Goes on on the thread pool, for good.</summary>
    private ConfiguredTaskAwaitable LeaveLoopAsync()
    {
        if (_loop is null)
            return Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.None);
        _loop = null;
        _flow.Loop = null;
        return Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
    }
}
