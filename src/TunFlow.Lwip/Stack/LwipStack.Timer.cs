using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <content>One timer, armed for the earliest deadline only while there is one.</content>
/// <remarks>
/// Deadlines mostly move away (an acknowledgment stops a retransmission), and moving the timer each time would cost more than it
/// saves: it is only ever moved nearer. A timer that fires early finds nothing due and is armed for what is next.
/// </remarks>
internal sealed unsafe partial class LwipStack
{
    private const ulong MicrosecondsPerMillisecond = 1000;
    private const ulong LongestTimer = 24ul * 3600 * 1000;

    private readonly Lock _timerGate = new();
    private readonly ITimer _timer;
    private ulong _armedFor = NativeMethods.TF_NO_DEADLINE;

    private void ArmTimer(ulong deadline)
    {
        if (deadline >= Volatile.Read(ref _armedFor))
            return;
        lock (_timerGate)
        {
            if (deadline >= _armedFor)
                return;
            _armedFor = deadline;
            ulong now = _clock.Now;
            // Rounded up: timers count milliseconds, and one that fires before the deadline would spin until it.
            ulong wait = deadline <= now ? 0 : (deadline - now + MicrosecondsPerMillisecond - 1) / MicrosecondsPerMillisecond;
            _timer.Change(TimeSpan.FromMilliseconds(Math.Min(wait, LongestTimer)), Timeout.InfiniteTimeSpan);
        }
    }

    private void OnTimer()
    {
        lock (_timerGate)
            _armedFor = NativeMethods.TF_NO_DEADLINE;
        if (!TryEnter())
            return;
        if (NativeMethods.tf_stack_deadline(_index) <= _now)
            _ = NativeMethods.tf_stack_tick(_index, _now);
        Leave();
    }
}
