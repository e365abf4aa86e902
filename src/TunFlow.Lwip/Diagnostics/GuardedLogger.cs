using Microsoft.Extensions.Logging;

namespace TunFlow.Lwip;

/// <summary>Keeps what a logger throws, which is user code like any other, out of the places that log: many run where nobody could catch it.</summary>
internal sealed class GuardedLogger(ILogger inner, DeviceCounters counters) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => inner.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return inner.IsEnabled(logLevel);
        }
        catch (Exception)
        {
            Interlocked.Increment(ref counters.UnexpectedExceptions);
            return false;
        }
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            inner.Log(logLevel, eventId, state, exception, formatter);
        }
        catch (Exception)
        {
            Interlocked.Increment(ref counters.UnexpectedExceptions);
        }
    }
}
