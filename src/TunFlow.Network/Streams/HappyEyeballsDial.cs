using System.Diagnostics;
using System.Net;
using System.Threading.Channels;

namespace TunFlow.Network;

/// <summary>One dial of <see cref="HappyEyeballsStreamDialer"/>.</summary>
/// <remarks>
/// <para>Theory of operation. Lookup, attempts, timers and the caller's token only post events; one loop takes them one by one and alone touches
/// the state, so there are no locks. Phases: no usable address yet; only IPv4 addresses, held back for
/// <see cref="HappyEyeballsOptions.ResolutionDelay"/>; racing. The next attempt may start if it is the first, if any attempt has failed since the last
/// start, or if <see cref="HappyEyeballsOptions.ConnectionAttemptDelay"/> has passed since then.</para>
/// <para>Who frees: a connection whose event the loop takes is the result. The end closes the channel: whoever can't post any more disposes of its
/// connection itself, and what was posted but not taken the end disposes of. So each connection is either the result or disposed, once.</para>
/// </remarks>
internal sealed partial class HappyEyeballsDial(
    IStreamDialer dialer, HappyEyeballsLookup lookup, HappyEyeballsOptions options, DnsEndPoint remote, CancellationToken cancellationToken)
{
    // More results than a lookup of addresses has; bounds one that never ends.
    private const int MaxResolutions = 64;

    private readonly Channel<HappyEyeballsEvent> _events = Channel.CreateUnbounded<HappyEyeballsEvent>(new UnboundedChannelOptions { SingleReader = true });
    private readonly HappyEyeballsCandidates _candidates = new(remote.AddressFamily, options.FirstAddressFamilyCount, options.MaxAttempts);
    private readonly CancellationTokenSource _lookupCancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    private readonly List<HappyEyeballsAttempt> _running = [];
    private readonly List<HappyEyeballsEvent.Failed> _failures = [];
    private readonly List<Exception> _lookupErrors = [];
    private ITimer? _resolutionTimer;
    private ITimer? _attemptTimer;
    private int _started;
    private bool _lookupEnded;
    private bool _resolutionDelayPassed;
    private bool _mayStart = true;

    /// <summary>Called once.</summary>
    public async ValueTask<StreamConnection> RunAsync()
    {
        CancellationTokenRegistration registration = default;
        try
        {
            registration = cancellationToken.UnsafeRegister(static state => ((HappyEyeballsDial)state!).Post(new HappyEyeballsEvent.GivenUp()), this);
            _ = LookUpAsync(_lookupCancellation.Token);
            while (true)
            {
                // Before anything else: attempts hear of the caller's cancelling first, and their failures are not the reason then.
                cancellationToken.ThrowIfCancellationRequested();
                StartAttempts();
                if (_running.Count == 0 && (_started == options.MaxAttempts || (_lookupEnded && _candidates.IsEmpty)))
                {
                    throw Failure();
                }

                HappyEyeballsEvent next = await _events.Reader.ReadAsync(CancellationToken.None).ConfigureAwait(false);
                if (Handle(next) is { } connection)
                {
                    return connection;
                }
            }
        }
        finally
        {
            registration.Dispose();
            End();
        }
    }

    private StreamConnection? Handle(HappyEyeballsEvent next)
    {
        switch (next)
        {
            case HappyEyeballsEvent.Resolved { Resolution: var resolution }:
                _candidates.Add(resolution.Addresses);
                if (resolution.Error is { } error)
                {
                    _lookupErrors.Add(error);
                }

                return null;
            case HappyEyeballsEvent.LookupEnded:
                _lookupEnded = true;
                return null;
            case HappyEyeballsEvent.ResolutionDelayPassed:
                _resolutionDelayPassed = true;
                return null;
            case HappyEyeballsEvent.AttemptDelayPassed { Index: var index }:
                _mayStart |= index == _started;
                return null;
            case HappyEyeballsEvent.Failed failed:
                Remove(failed.Attempt);
                _failures.Add(failed);
                _mayStart = true;
                return null;
            case HappyEyeballsEvent.Connected connected:
                Remove(connected.Attempt);
                return connected.Connection;
            case HappyEyeballsEvent.GivenUp:
                return null;
            default:
                throw new UnreachableException();
        }
    }

    private void StartAttempts()
    {
        if (!_mayStart || _candidates.IsEmpty || _started == options.MaxAttempts || HoldsBack())
        {
            return;
        }

        _mayStart = false;
        int index = ++_started;
        HappyEyeballsAttempt attempt = new(index, new IPEndPoint(_candidates.Take(), remote.Port), cancellationToken);
        _running.Add(attempt);
        _attemptTimer?.Dispose();
        _attemptTimer = StartTimer(options.ConnectionAttemptDelay, new HappyEyeballsEvent.AttemptDelayPassed(index));
        _ = ConnectAsync(attempt);
    }

    /// <summary>RFC 8305 section 3: before the first attempt, IPv4 addresses wait a little for IPv6 addresses that may still come.</summary>
    private bool HoldsBack()
    {
        if (_started > 0 || _candidates.HasV6 || !_candidates.WantsV6 || _lookupEnded || _resolutionDelayPassed || options.ResolutionDelay == TimeSpan.Zero)
        {
            return false;
        }

        _resolutionTimer ??= StartTimer(options.ResolutionDelay, new HappyEyeballsEvent.ResolutionDelayPassed());
        return true;
    }

    private ITimer StartTimer(TimeSpan delay, HappyEyeballsEvent passed) =>
        options.TimeProvider.CreateTimer(_ => Post(passed), null, delay, Timeout.InfiniteTimeSpan);

    private void Remove(HappyEyeballsAttempt attempt)
    {
        _running.Remove(attempt);
        attempt.Cancellation.Dispose();
    }

    private bool Post(HappyEyeballsEvent next) => _events.Writer.TryWrite(next);

    private NetworkException Failure()
    {
        if (_failures.Count == 0)
        {
            string reason = _lookupErrors.Count > 0 ? $"could not be resolved: {_lookupErrors[0].Message}" : "has no address.";
            return new NetworkException(NetworkError.NameNotResolved, $"{remote.Host} {reason}", Join(_lookupErrors));
        }

        _failures.Sort(static (left, right) => left.Attempt.Index.CompareTo(right.Attempt.Index));
        string untried = _candidates.Remaining > 0 ? $" ({_candidates.Remaining} more addresses were not tried)" : "";
        string failures = string.Join("; ", _failures.Select(static failed => $"[{failed.Attempt.Remote}] {failed.Error.Message}"));
        return new NetworkException(
            NetworkErrors.Classify(_failures[0].Error),
            $"Connecting to {remote.Host}:{remote.Port} failed{untried}: {failures}",
            Join(_failures.ConvertAll(static failed => failed.Error)));
    }

    private static Exception? Join(List<Exception> exceptions) => exceptions.Count switch
    {
        0 => null,
        1 => exceptions[0],
        _ => new AggregateException(exceptions),
    };
}
