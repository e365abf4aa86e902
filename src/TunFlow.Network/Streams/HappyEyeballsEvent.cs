namespace TunFlow.Network;

/// <summary>What happens to a dial from outside; its loop takes these one by one.</summary>
internal abstract record HappyEyeballsEvent
{
    public sealed record Resolved(HappyEyeballsResolution Resolution) : HappyEyeballsEvent;

    public sealed record LookupEnded : HappyEyeballsEvent;

    public sealed record Connected(HappyEyeballsAttempt Attempt, StreamConnection Connection) : HappyEyeballsEvent;

    public sealed record Failed(HappyEyeballsAttempt Attempt, Exception Error) : HappyEyeballsEvent;

    public sealed record ResolutionDelayPassed : HappyEyeballsEvent;

    /// <summary>The delay after the attempt of this index. Another index than that of the last attempt means that a failure had cut it short.</summary>
    public sealed record AttemptDelayPassed(int Index) : HappyEyeballsEvent;

    public sealed record GivenUp : HappyEyeballsEvent;
}
