using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Tunnels;

[TestFixture]
internal sealed class TunnelLogTests : ILoggerFactory
{
    private readonly ConcurrentQueue<(string Category, LogLevel Level, int Id, string Text, Exception? Exception)> _entries = new();

    [SetUp]
    public void Clear()
    {
        NativeLibraryRequirement.Check();
        _entries.Clear();
    }

    [Test]
    public async Task Beginning_exchange_and_end_are_told()
    {
        (MemoryDevice first, _) = MemoryDevice.CreatePair();
        (MemoryDevice second, _) = MemoryDevice.CreatePair();
        await using (Tunnel tunnel = Start(first))
            await tunnel.ReplaceDeviceAsync(second);

        Assert.That(
            _entries.Where(static entry => entry.Category == "TunFlow").Select(static entry => (entry.Level, entry.Id, entry.Text)),
            Is.EqualTo(new[]
            {
                (LogLevel.Information, 101, $"Serving a {typeof(MemoryDevice)} with an MTU of {first.Mtu}."),
                (LogLevel.Information, 102, $"Serving another device: a {typeof(MemoryDevice)} with an MTU of {second.Mtu}."),
                (LogLevel.Information, 103, "The tunnel has ended."),
            }));
    }

    [Test]
    public async Task A_device_that_fails_is_an_error_with_its_exception()
    {
        FailingDevice device = new();
        await using Tunnel tunnel = Start(device);

        Exception failure = await Assert.CatchAsync<Exception>(() => tunnel.Completion.WaitAsync(TimeSpan.FromSeconds(10)));

        // Told before Completion tells.
        Assert.That(_entries.Single(static entry => entry.Id == 104), Is.EqualTo(("TunFlow", LogLevel.Error, 104, "The tunnel has ended because its device failed.", failure)));
        Assert.That(_entries.Any(static entry => entry.Id == 103), Is.False);
    }

    [Test]
    public async Task A_log_that_throws_harms_no_tunnel()
    {
        (MemoryDevice near, _) = MemoryDevice.CreatePair();
        _throws = true;
        try
        {
            Tunnel tunnel = Start(near);
            await tunnel.DisposeAsync();
            Assert.That(tunnel.Completion.IsCompletedSuccessfully, Is.True);
            Assert.That(tunnel.GetStatistics().Stack.UnexpectedExceptions, Is.EqualTo(2));
        }
        finally
        {
            _throws = false;
        }
    }

    [Test]
    public async Task A_log_may_wait_for_the_tunnel_to_stop()
    {
        (MemoryDevice first, _) = MemoryDevice.CreatePair();
        (MemoryDevice second, _) = MemoryDevice.CreatePair();
        await using Tunnel tunnel = Start(first);
        bool stopped = false;
        _onEntry = id => stopped |= id == 102 && tunnel.StopAsync().Wait(TimeSpan.FromSeconds(10));
        try
        {
            await tunnel.ReplaceDeviceAsync(second);
        }
        finally
        {
            _onEntry = null;
        }

        Assert.That(stopped, Is.True);
    }

    private bool _throws;
    private Action<int>? _onEntry;

    ILogger ILoggerFactory.CreateLogger(string categoryName) => new Log(this, categoryName);

    void ILoggerFactory.AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    void IDisposable.Dispose()
    {
    }

    private Tunnel Start(IIPDevice device) => Tunnel.Start(device, new FakeDialer(), new FakePacketProxy(), new TunnelOptions { Stack = new LwipDeviceOptions { LoggerFactory = this } });

    private sealed class Log(TunnelLogTests tests, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (tests._throws)
                throw new InvalidOperationException("a log out of order");
            tests._onEntry?.Invoke(eventId.Id);
            tests._entries.Enqueue((category, logLevel, eventId.Id, formatter(state, exception), exception));
        }
    }

    private sealed class FailingDevice : IIPDevice
    {
        public int Mtu => 1500;

        public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException<int>(new NetworkException(NetworkError.HostUnreachable, "out of order"));

        public ValueTask WriteAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
