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
public sealed class Tunnel : IAsyncDisposable
{
    private readonly IIPDevice _device;
    private readonly LwipDevice _stack;
    private readonly IPacketEngine _engine;
    private readonly TunnelOptions _options;
    private readonly long _started;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _ended;
    private int _stopping;

    private Tunnel(IIPDevice device, LwipDevice stack, IPacketEngine engine, TunnelOptions options)
    {
        _device = device;
        _stack = stack;
        _engine = engine;
        _options = options;
        _started = options.Stack.TimeProvider.GetTimestamp();
    }

    /// <summary>Completes when the tunnel has ended: stopped, or its device was closed. Faults if the device failed.</summary>
    public Task Completion => _completion.Task;

    /// <summary>The stack, for tests that look behind the tunnel.</summary>
    internal LwipDevice Stack => _stack;

    /// <summary>Starts to carry the traffic of a device.</summary>
    /// <param name="device">Whose packets are served. Stays the caller's unless <see cref="TunnelOptions.DisposeDevice"/> is set.</param>
    /// <param name="dialer">Connects the applications' TCP flows. It must not route back into the device: see <see cref="SocketConfigurator"/>.</param>
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
        PacketOffloads offloads = device is IBatchIPDevice batch
            ? batch.SupportedOffloads & (PacketOffloads.Checksum | PacketOffloads.TcpSegmentation)
            : PacketOffloads.None;
        LwipDevice stack = new(dialer, packetProxy, options.Stack with { Mtu = device.Mtu, ReadOffloads = offloads });
        try
        {
            IPacketEngine engine = OperatingSystem.IsLinux() && device is LinuxTunDevice tun
                ? new LinuxTunEngine(tun, stack)
                : new PumpEngine(device, stack);
            Tunnel tunnel = new(device, stack, engine, options);
            engine.Start();
            _ = tunnel.FollowAsync();
            return tunnel;
        }
        catch
        {
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
            Uptime = time.GetElapsedTime(_started, ended == 0 ? time.GetTimestamp() : ended),
        };
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

    private async Task FollowAsync()
    {
        await _engine.Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (Interlocked.Exchange(ref _stopping, 1) == 0)
            await EndAsync().ConfigureAwait(false);
    }

    private async Task EndAsync()
    {
        Exception? failure = null;
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

        Volatile.Write(ref _ended, _options.Stack.TimeProvider.GetTimestamp());
        if (failure is null)
        {
            _completion.SetResult();
        }
        else
        {
            _completion.SetException(failure);
            // Observed here: an application that only disposes the tunnel isn't to be told by the finalizer.
            _ = _completion.Task.Exception;
        }
    }
}
