using TunFlow.Network;

namespace TunFlow.Testing;

/// <summary>The contract of <see cref="StreamConnection"/> as tests. Derive a fixture per implementation.</summary>
/// <remarks>Independent of the transport: everything is done through the two ends that the derived fixture makes, each test gets a pair of its own.</remarks>
public abstract partial class StreamConnectionConformance
{
    /// <summary>How long a single step may take before the test fails instead of hanging.</summary>
    protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private ConnectionPair _pair = null!;
    private CancellationTokenSource _limit = null!;

    /// <summary>The connection under test.</summary>
    protected StreamConnection Subject => _pair.Subject;

    /// <summary>The other end.</summary>
    protected StreamConnection Peer => _pair.Peer;

    /// <summary>Fires when the test takes too long.</summary>
    protected CancellationToken Patience => _limit.Token;

    /// <summary>Makes a connected pair.</summary>
    protected abstract Task<ConnectionPair> ConnectAsync();

    /// <summary>Connects.</summary>
    [SetUp]
    public async Task SetUpPairAsync()
    {
        _limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        _pair = await ConnectAsync().ConfigureAwait(false);
    }

    /// <summary>Disconnects.</summary>
    [TearDown]
    public async Task TearDownPairAsync()
    {
        if (_pair is not null)
        {
            await _pair.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        }

        _limit.Dispose();
    }

    /// <summary>Asserts that an action fails with a network error.</summary>
    /// <param name="action">The action.</param>
    /// <param name="error">The error.</param>
    protected static async Task AssertNetworkErrorAsync(Func<Task> action, NetworkError error)
    {
        ArgumentNullException.ThrowIfNull(action);
        NetworkException? exception = await CatchAsync<NetworkException>(action).ConfigureAwait(false);
        Assert.That(exception?.Error, Is.EqualTo(error), exception?.ToString());
    }

    /// <summary>Runs an action that has to fail with an exception of the given type.</summary>
    /// <typeparam name="T">The type; derived ones count.</typeparam>
    /// <param name="action">The action.</param>
    protected static async Task<T?> CatchAsync<T>(Func<Task> action)
        where T : Exception
    {
        ArgumentNullException.ThrowIfNull(action);
        Exception? caught = null;
        try
        {
            await action().WaitAsync(Limit).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            caught = exception;
        }

        Assert.That(caught, Is.InstanceOf<T>());
        return caught as T;
    }

    /// <summary>Fills the way to the peer until a write no longer completes, and returns that write.</summary>
    protected async Task<Task> WriteUntilStuckAsync(CancellationToken writeCancellation = default)
    {
        byte[] block = new byte[256 * 1024];
        for (int i = 0; i < 1024; i++)
        {
            Task write = Subject.WriteAsync(block, writeCancellation).AsTask();
            if (await Task.WhenAny(write, Task.Delay(300, Patience)).ConfigureAwait(false) != write)
            {
                return write;
            }

            await write.ConfigureAwait(false);
        }

        Assert.Fail("256 MiB were taken although the peer doesn't read: there is no back-pressure.");
        return Task.CompletedTask;
    }

    /// <summary>Sends a byte to the peer and back, which shows that the connection lives in both directions.</summary>
    /// <param name="value">The byte.</param>
    protected async Task AssertAliveAsync(byte value)
    {
        byte[] buffer = [value];
        await Subject.WriteAsync(buffer, Patience).ConfigureAwait(false);
        byte[] received = new byte[1];
        await Peer.ReadExactlyAsync(received, Patience).ConfigureAwait(false);
        Assert.That(received[0], Is.EqualTo(value));
        await Peer.WriteAsync(received, Patience).ConfigureAwait(false);
        received[0] = 0;
        await Subject.ReadExactlyAsync(received, Patience).ConfigureAwait(false);
        Assert.That(received[0], Is.EqualTo(value));
    }
}
