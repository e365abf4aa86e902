namespace TunFlow.Network;

/// <summary>The timing of <see cref="HappyEyeballsStreamDialer"/>; the defaults are those of RFC 8305 section 8.</summary>
public sealed class HappyEyeballsOptions
{
    private static readonly TimeSpan s_minAttemptDelay = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_maxAttemptDelay = TimeSpan.FromSeconds(2);

    private readonly TimeSpan _resolutionDelay = TimeSpan.FromMilliseconds(50);
    private readonly TimeSpan _attemptDelay = TimeSpan.FromMilliseconds(250);
    private readonly int _firstAddressFamilyCount = 1;
    private readonly int _maxAttempts = 16;
    private readonly TimeProvider _timeProvider = TimeProvider.System;

    /// <summary>How long to wait for IPv6 addresses once there are IPv4 addresses; 50 ms by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative or more than 2 seconds.</exception>
    public TimeSpan ResolutionDelay
    {
        get => _resolutionDelay;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, s_maxAttemptDelay);
            _resolutionDelay = value;
        }
    }

    /// <summary>How long after one attempt's start the next one starts, unless an attempt fails before; 250 ms by default, 100 ms or more recommended.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 10 ms or more than 2 seconds, the limits of RFC 8305 section 5.</exception>
    public TimeSpan ConnectionAttemptDelay
    {
        get => _attemptDelay;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, s_minAttemptDelay);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, s_maxAttemptDelay);
            _attemptDelay = value;
        }
    }

    /// <summary>How many IPv6 addresses are tried before the families alternate; 1 by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive.</exception>
    public int FirstAddressFamilyCount
    {
        get => _firstAddressFamilyCount;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            _firstAddressFamilyCount = value;
        }
    }

    /// <summary>How many addresses one dial tries at most; 16 by default. What a name has beyond that is not tried.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value isn't positive.</exception>
    public int MaxAttempts
    {
        get => _maxAttempts;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            _maxAttempts = value;
        }
    }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider
    {
        get => _timeProvider;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            _timeProvider = value;
        }
    }
}
