using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>A dial on virtual time whose lookup and attempts are scripted.</summary>
internal sealed class HappyEyeballsRace : IStreamDialer
{
    private readonly Channel<HappyEyeballsResolution> _lookup = Channel.CreateUnbounded<HappyEyeballsResolution>();
    private readonly ConcurrentQueue<(IPEndPoint Remote, TimeSpan At, TaskCompletionSource<StreamConnection> Result, CancellationToken Token)> _attempts = new();
    private int _looked;
    private int _taken;

    public ManualTimeProvider Time { get; } = new();

    /// <summary>What an attempt at an address does; by default it waits until the test decides or it is cancelled.</summary>
    public Func<IPEndPoint, CancellationToken, ValueTask<StreamConnection>>? OnDial { get; set; }

    public int Lookups => Volatile.Read(ref _looked);

    /// <summary>How many of the lookup's results the dial knows.</summary>
    public int ResultsTaken => Volatile.Read(ref _taken);

    public CancellationToken LookupToken { get; private set; }

    /// <summary>The addresses tried so far with the moments in milliseconds.</summary>
    public IEnumerable<string> Attempts => _attempts.Select(attempt => $"{attempt.At.TotalMilliseconds} {attempt.Remote.Address}");

    public IEnumerable<string> Order => _attempts.Select(attempt => attempt.Remote.Address.ToString());

    public int AttemptCount => _attempts.Count;

    public HappyEyeballsStreamDialer Dialer(HappyEyeballsOptions? options = null, HappyEyeballsLookup? lookup = null) => new(this, lookup ?? LookUpAsync, options ?? new HappyEyeballsOptions
    {
        TimeProvider = Time,
    });

    public Task<StreamConnection> DialAsync(CancellationToken cancellationToken = default) => Dialer().DialStreamAsync(new DnsEndPoint("host.example", 443), cancellationToken).AsTask();

    public void Resolves(params string[] addresses) => _lookup.Writer.TryWrite(new HappyEyeballsResolution(Array.ConvertAll(addresses, IPAddress.Parse)));

    public void FailsToResolve(Exception exception) => _lookup.Writer.TryWrite(new HappyEyeballsResolution(exception));

    public void EndsLookup(Exception? exception = null) => _lookup.Writer.TryComplete(exception);

    public ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        IPEndPoint address = (IPEndPoint)remote;
        TaskCompletionSource<StreamConnection> result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _attempts.Enqueue((address, Time.Elapsed, result, cancellationToken));
        return OnDial is { } onDial ? onDial(address, cancellationToken) : new ValueTask<StreamConnection>(result.Task.WaitAsync(cancellationToken));
    }

    public CancellationToken TokenOf(string address) => Find(address).Token;

    public TrackedConnection Succeeds(string address)
    {
        TrackedConnection connection = new();
        Find(address).Result.SetResult(connection);
        return connection;
    }

    public void Fails(string address, NetworkError error = NetworkError.ConnectionRefused) => Find(address).Result.SetException(new NetworkException(error, $"{address} failed."));

    public Task AttemptsAreAsync(params string[] attempts) =>
        Eventually.IsAsync(() => Attempts.SequenceEqual(attempts), $"attempts {string.Join(", ", attempts)}; there are {string.Join(", ", Attempts)}");

    /// <summary>Waits until the dial waits for nothing but the given number of timers, so that time may pass.</summary>
    public Task WaitsForTimersAsync(int count) => Eventually.IsAsync(() => Time.ActiveTimers == count, $"{count} timers; there are {Time.ActiveTimers}");

    public void Pass(int milliseconds) => Time.Advance(TimeSpan.FromMilliseconds(milliseconds));

    public async IAsyncEnumerable<HappyEyeballsResolution> LookUpAsync(string host, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Assert.That(host, Is.EqualTo("host.example"));
        Interlocked.Increment(ref _looked);
        LookupToken = cancellationToken;
        await foreach (HappyEyeballsResolution resolution in _lookup.Reader.ReadAllAsync(cancellationToken))
        {
            yield return resolution;
            Interlocked.Increment(ref _taken);
        }
    }

    private (IPEndPoint Remote, TimeSpan At, TaskCompletionSource<StreamConnection> Result, CancellationToken Token) Find(string address) =>
        _attempts.Single(attempt => attempt.Remote.Address.Equals(IPAddress.Parse(address)));
}
