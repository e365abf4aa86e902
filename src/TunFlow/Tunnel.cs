using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using TunFlow.Devices;
using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow;

/// <summary>A device's traffic, carried by dialers: the composition of a TUN, a TCP/IP stack and what connects to the world.</summary>
/// <remarks>
/// <para>Runs from <see cref="Start"/> until <see cref="StopAsync"/>, disposal, or the end of the device; <see cref="Completion"/> tells. All members may
/// be used from any thread at any time.</para>
/// <para>A <see cref="LinuxTunDevice"/> is served by a thread of its own, any other device through <see cref="IIPDevice"/>. The tunnel is the device's only reader.</para>
/// </remarks>
public sealed partial class Tunnel : IAsyncDisposable
{
    private readonly LwipDevice _stack;
    private readonly ILogger _log;
    // One at a time exchanges, or ends, what the tunnel serves.
    private readonly SemaphoreSlim _serving = new(1, 1);
    private IIPDevice _device;
    private IPacketEngine _engine;
    private readonly TunnelOptions _options;
    private readonly long _started;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _ended;
    private NotWritten _notWritten;
    private int _stopping;

    private Tunnel(IIPDevice device, LwipDevice stack, ILogger log, IPacketEngine engine, TunnelOptions options)
    {
        _device = device;
        _stack = stack;
        _log = log;
        _engine = engine;
        _notWritten = new NotWritten(engine, Before: 0);
        _options = options;
        _started = options.Stack.TimeProvider.GetTimestamp();
    }

    /// <summary>Completes when the tunnel has ended: stopped, or its device was closed. Faults if the device failed.</summary>
    public Task Completion => _completion.Task;

    /// <summary>The stack, for tests that look behind the tunnel.</summary>
    internal LwipDevice Stack => _stack;

    /// <summary>Starts to carry the traffic of a device.</summary>
    /// <param name="device">Whose packets are served. Stays the caller's unless <see cref="TunnelOptions.DisposeDevice"/> is set.</param>
    /// <param name="dialer">
    /// Connects the applications' TCP flows. It must not route back into the device: see <see cref="SocketConfigurator"/>. Where it is a <see cref="TcpDialer"/> without
    /// configurators of the application's own, and there is no policy, the tunnel's own thread makes and serves the sockets, in the network namespace of the thread that
    /// calls this.
    /// </param>
    /// <param name="packetProxy">Carries the applications' datagrams. Likewise.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <returns>The running tunnel.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    /// <exception cref="PlatformNotSupportedException">There is no native library for this system.</exception>
    /// <exception cref="NetworkException">All stacks that one process can run are in use.</exception>
    public static Tunnel Start(IIPDevice device, IStreamDialer dialer, IPacketProxy packetProxy, TunnelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        options ??= new TunnelOptions();
        LwipDevice stack = new(dialer, packetProxy, options.Stack with { Mtu = device.Mtu, ReadOffloads = OffloadsOf(device) });
        IPacketEngine? engine = null;
        try
        {
            ILogger log = CreateLog(stack, options);
            engine = CreateEngine(device, stack);
            Tunnel tunnel = new(device, stack, log, engine, options);
            engine.Start();
            TunnelLog.Started(log, device.GetType(), stack.Mtu);
            _ = tunnel.FollowAsync(engine);
            return tunnel;
        }
        catch (Exception exception)
        {
            engine?.Fail(exception);
            // No descriptor or thread left: the stack goes back, too. Nothing of it runs yet, so its end needs no waiting.
            _ = stack.DisposeAsync().AsTask();
            throw;
        }
    }

    /// <summary>What happened so far; after the end, the last state.</summary>
    public TunnelStatistics GetStatistics()
    {
        TimeProvider time = _options.Stack.TimeProvider;
        long ended = Volatile.Read(ref _ended);
        return new TunnelStatistics
        {
            Stack = _stack.GetStatistics(),
            PacketsNotWritten = Volatile.Read(ref _notWritten).Total,
            Uptime = time.GetElapsedTime(_started, ended == 0 ? time.GetTimestamp() : ended),
        };
    }

    /// <summary>
    /// Serves another device from now on, while all flows live: for a TUN that the system made anew, or whose configuration changed. Packets that are on
    /// their way when the devices change are lost, as on any network, and TCP sends them again. The MTU follows the new device.
    /// </summary>
    /// <param name="device">Whose packets are served. Stays the caller's unless <see cref="TunnelOptions.DisposeDevice"/> is set.</param>
    /// <param name="cancellationToken">Ends the wait for another exchange of the device; not the exchange itself.</param>
    /// <returns>A task that completes when the earlier device isn't used any more; it was disposed if <see cref="TunnelOptions.DisposeDevice"/> is set.</returns>
    /// <exception cref="ObjectDisposedException">The tunnel has ended, or is ending.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The new device's MTU is not one that can be served. The tunnel goes on with the earlier device.</exception>
    /// <exception cref="InvalidOperationException">Somebody reads the new device. The tunnel goes on with the earlier one.</exception>
    /// <remarks>Where this throws one of these, the new device stays the caller's. Should serving it fail to begin for another reason, the tunnel ends, and <see cref="Completion"/> says why.</remarks>
    public async Task ReplaceDeviceAsync(IIPDevice device, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        await _serving.WaitAsync(cancellationToken).ConfigureAwait(false);
        IIPDevice earlier;
        int? served;
        try
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _stopping) != 0, this);
            (earlier, served) = await ExchangeAsync(device).ConfigureAwait(false);
        }
        finally
        {
            _serving.Release();
        }

        // Not before: a log may wait for the tunnel.
        if (served is { } mtu)
            TunnelLog.DeviceReplaced(_log, device.GetType(), mtu);
        if (_options.DisposeDevice && !ReferenceEquals(earlier, device))
            await earlier.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Ends the tunnel: every flow is reset, and the applications are told before the device is let go. Takes at most a few seconds. Repeated calls wait for the same end.</summary>
    /// <param name="cancellationToken">Ends the wait, not the stopping.</param>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _stopping, 1) == 0)
            _ = EndAsync();
        await _completion.Task.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // Why the device failed is Completion's to tell; a stop that was asked for has succeeded either way.
        if (!_completion.Task.IsCompleted)
            cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Stops the tunnel.</summary>
    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None).ConfigureAwait(false);

    private static PacketOffloads OffloadsOf(IIPDevice device) => device is IBatchIPDevice batch
        ? batch.SupportedOffloads & (PacketOffloads.Checksum | PacketOffloads.TcpSegmentation)
        : PacketOffloads.None;

    private static ILogger CreateLog(LwipDevice stack, TunnelOptions options) =>
        options.Stack.LoggerFactory?.CreateLogger(TunnelLog.Category) is { } log ? new GuardedLogger(log, stack.Counters) : NullLogger.Instance;

    private static IPacketEngine CreateEngine(IIPDevice device, LwipDevice stack) => OperatingSystem.IsLinux() && device is LinuxTunDevice tun
        ? new LinuxTunEngine(tun, stack)
        : new PumpEngine(device, stack);

    /// <summary>Under <see cref="_serving"/>. Everything that may be refused comes before anything is changed. No MTU: serving the new device did not begin.</summary>
    private async Task<(IIPDevice Earlier, int? Mtu)> ExchangeAsync(IIPDevice device)
    {
        int mtu = device.Mtu;
        PacketOffloads offloads = OffloadsOf(device);
        (_options.Stack with { Mtu = mtu }).Validate();
        IPacketEngine next = CreateEngine(device, _stack);
        IPacketEngine previous = _engine;
        IIPDevice earlier = _device;
        _engine = next;
        _device = device;
        int? served = null;
        try
        {
            await previous.DetachAsync().ConfigureAwait(false);
            Volatile.Write(ref _notWritten, new NotWritten(next, _notWritten.Total));
            _stack.SetMtu(mtu);
            _stack.SetReadOffloads(offloads);
            next.Start();
            served = mtu;
        }
        catch (Exception exception)
        {
            // Neither device is served any more.
            next.Fail(exception);
        }

        _ = FollowAsync(next);
        return (earlier, served);
    }

    private async Task FollowAsync(IPacketEngine engine)
    {
        await engine.Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _serving.WaitAsync().ConfigureAwait(false);
        // Decided while nobody exchanges devices: an engine whose place another took isn't the tunnel's end.
        bool ends = _engine == engine && Interlocked.Exchange(ref _stopping, 1) == 0;
        _serving.Release();
        if (ends)
            await EndAsync().ConfigureAwait(false);
    }

    private async Task EndAsync()
    {
        Exception? failure = null;
        await _serving.WaitAsync().ConfigureAwait(false);
        try
        {
            // No more packets in, then the stack's farewell, then the engine's end: the RSTs still go out through it.
            _engine.StopInput();
            await _stack.DisposeAsync().ConfigureAwait(false);
            await _engine.StopAsync().ConfigureAwait(false);
            await _engine.Completion.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        try
        {
            if (_options.DisposeDevice)
                await _device.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            failure ??= exception;
        }
        finally
        {
            _serving.Release();
        }

        Volatile.Write(ref _ended, _options.Stack.TimeProvider.GetTimestamp());
        if (failure is null)
        {
            TunnelLog.Ended(_log);
            _completion.SetResult();
        }
        else
        {
            TunnelLog.Failed(_log, failure);
            _completion.SetException(failure);
            // Observed here: an application that only disposes the tunnel isn't to be told by the finalizer.
            _ = _completion.Task.Exception;
        }
    }

    /// <summary>What the engines of this one and earlier devices lost. Exchanged as a whole, so that nothing is counted twice or missing for a while.</summary>
    private sealed record NotWritten(IPacketEngine Engine, long Before)
    {
        public long Total => Before + Engine.PacketsNotWritten;
    }
}
