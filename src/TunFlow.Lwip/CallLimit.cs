namespace TunFlow.Lwip;

/// <summary>Bounds one call into user code: a token for the callee, and one for our own wait, both cancelled when its time is over or when told.</summary>
/// <remarks>
/// Two sources, because an exception of a callback that user code registered comes out of the thread that cancels, and a source with a
/// time-out cancels on its timer's thread: there it would end the process. The one with the timer has none but our own callbacks; the
/// user's run where their exceptions are counted, and cannot hold up our wait.
/// </remarks>
internal sealed class CallLimit : IDisposable
{
    private readonly DeviceContext _context;
    private readonly CancellationTokenSource _own;
    private readonly CancellationTokenSource _callee = new();

    public CallLimit(DeviceContext context, TimeSpan longest)
    {
        _context = context;
        _own = new CancellationTokenSource(longest, context.Options.TimeProvider);
        Token = _callee.Token;
        Ended = _own.Token;
        Ended.UnsafeRegister(static self => ((CallLimit)self!).CancelCallee(), this);
    }

    /// <summary>For the call.</summary>
    public CancellationToken Token { get; }

    /// <summary>For the wait for it.</summary>
    public CancellationToken Ended { get; }

    /// <summary>Ends both now; changes nothing once the call is over.</summary>
    public void Cancel()
    {
        try
        {
            _own.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // Over, by the one who waited for it.
        }
    }

    /// <summary>Stops the clock. The callee's token stays usable: a call that ignored it may still look at it.</summary>
    public void Dispose() => _own.Dispose();

    private void CancelCallee() => _ = _context.CancelAndDisposeAsync(_callee);
}
