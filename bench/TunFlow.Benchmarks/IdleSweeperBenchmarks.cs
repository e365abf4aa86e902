using BenchmarkDotNet.Attributes;
using TunFlow.Network;
using TunFlow.Testing;

namespace TunFlow.Benchmarks;

/// <summary>The one timer of all sessions, while 10,000 of them are there.</summary>
public class IdleSweeperBenchmarks
{
    private const int Sessions = 10_000;

    private readonly ManualTimeProvider _time = new();
    private IdleSweeper _sweeper = null!;
    private Session[] _sessions = null!;
    private Session _one = null!;

    /// <summary>Adds the sessions.</summary>
    [GlobalSetup]
    public void Open()
    {
        _sweeper = new IdleSweeper(TimeSpan.FromSeconds(60), _time);
        _sessions = new Session[Sessions];
        for (int i = 0; i < Sessions; i++)
        {
            _sessions[i] = new Session(_sweeper);
            _sweeper.Add(_sessions[i]);
        }

        _one = new Session(_sweeper);
    }

    /// <summary>A session that comes and goes.</summary>
    [Benchmark]
    public void AddAndRemove()
    {
        _one.LastActivity = _time.GetTimestamp();
        _sweeper.Add(_one);
        _sweeper.Remove(_one);
    }

    /// <summary>A sweep that finds all of them busy, per session.</summary>
    [Benchmark(OperationsPerInvoke = Sessions)]
    public void Sweep()
    {
        long now = _time.GetTimestamp();
        foreach (Session session in _sessions)
            session.LastActivity = now;
        // The sweep is due 60 seconds after the activity before this one.
        _time.Advance(TimeSpan.FromSeconds(40));
    }

    private sealed class Session(IdleSweeper sweeper) : IIdleSession
    {
        public long LastActivity { get; set; }

        public long IdleTicks => sweeper.IdleTicks;

        public int SweepIndex { get; set; } = -1;

        public void Expire() => throw new InvalidOperationException("A busy session expired.");
    }
}
