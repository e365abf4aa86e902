namespace TunFlow.Network.Resolvers;

/// <summary>A token that is cancelled after a while. Other than that of a <see cref="CancellationTokenSource"/> with a delay it withstands callbacks that throw: they run on the timer's thread, where an exception would end the process.</summary>
internal sealed class TimeLimit : IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private readonly ITimer _timer;

    public TimeLimit(TimeSpan limit, TimeProvider timeProvider)
    {
        Token = _cancellation.Token;
        _timer = timeProvider.CreateTimer(static state => ((TimeLimit)state!).Expire(), this, limit, Timeout.InfiniteTimeSpan);
    }

    public CancellationToken Token { get; }

    public bool HasPassed => Token.IsCancellationRequested;

    // The source is left to the collector: a timer that fires at this moment may still cancel it, and it holds nothing else.
    public void Dispose() => _timer.Dispose();

    private void Expire()
    {
        try
        {
            _cancellation.Cancel();
        }
        catch (AggregateException exception)
        {
            // Callbacks that a dialer put on its token: all of them ran, everything is cancelled, and nobody is here to be told.
            _ = exception;
        }
    }
}
