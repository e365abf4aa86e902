using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class ManualTimeProviderTests
{
    [Test]
    public void TimersFireInOrderEachAtItsOwnMoment()
    {
        ManualTimeProvider time = new();
        List<(string, double)> fired = [];
        using ITimer late = time.CreateTimer(_ => fired.Add(("late", time.Elapsed.TotalSeconds)), null, TimeSpan.FromSeconds(5), Timeout.InfiniteTimeSpan);
        using ITimer periodic = time.CreateTimer(_ => fired.Add(("periodic", time.Elapsed.TotalSeconds)), null, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2));
        time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.That(fired, Is.Empty);
        time.Advance(TimeSpan.FromSeconds(4.1));
        Assert.That(fired, Is.EqualTo(new[] { ("periodic", 2.0), ("periodic", 4.0), ("late", 5.0), ("periodic", 6.0) }));
        Assert.That(time.ActiveTimers, Is.EqualTo(1));
        periodic.Dispose();
        Assert.That(time.ActiveTimers, Is.Zero);
    }

    [Test]
    public async Task DelaysAndCancellationFollowTheClock()
    {
        ManualTimeProvider time = new();
        Task delay = Task.Delay(TimeSpan.FromDays(30), time);
        using CancellationTokenSource cancel = new(TimeSpan.FromHours(1), time);
        time.Advance(TimeSpan.FromHours(1));
        Assert.That((cancel.IsCancellationRequested, delay.IsCompleted), Is.EqualTo((true, false)));
        time.Advance(TimeSpan.FromDays(30));
        await delay.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public void AStepOfTheWallClockPassesNoTime()
    {
        ManualTimeProvider time = new();
        DateTimeOffset before = time.GetUtcNow();
        long timestamp = time.GetTimestamp();
        time.StepWallClock(TimeSpan.FromHours(-1));
        Assert.That(time.GetUtcNow(), Is.EqualTo(before.AddHours(-1)));
        Assert.That(time.GetTimestamp(), Is.EqualTo(timestamp));
    }

    [Test]
    public void WhatASleepMissedFiresOnceWhenItEnds()
    {
        ManualTimeProvider time = new();
        List<(string, double)> fired = [];
        using ITimer once = time.CreateTimer(_ => fired.Add(("once", time.Elapsed.TotalSeconds)), null, TimeSpan.FromSeconds(5), Timeout.InfiniteTimeSpan);
        using ITimer periodic = time.CreateTimer(_ => fired.Add(("periodic", time.Elapsed.TotalSeconds)), null, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2));
        using ITimer later = time.CreateTimer(_ => fired.Add(("later", time.Elapsed.TotalSeconds)), null, TimeSpan.FromSeconds(102), Timeout.InfiniteTimeSpan);
        time.Jump(TimeSpan.FromSeconds(101));
        Assert.That(fired, Is.EqualTo(new[] { ("once", 101.0), ("periodic", 101.0) }));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(fired[2..], Is.EquivalentTo(new[] { ("periodic", 102.0), ("later", 102.0) }));
    }
}
