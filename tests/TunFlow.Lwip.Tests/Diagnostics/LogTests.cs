using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Diagnostics;

[TestFixture]
internal sealed class LogTests : DeviceFixture, ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, int Id, string Text, Exception? Exception)> _entries = new();

    protected override LwipDeviceOptions Options => new() { LoggerFactory = this };

    ILogger ILoggerFactory.CreateLogger(string categoryName)
    {
        Assert.That(categoryName, Is.EqualTo("TunFlow.Lwip"));
        return this;
    }

    void ILoggerFactory.AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _entries.Enqueue((logLevel, eventId.Id, formatter(state, exception), exception));

    void IDisposable.Dispose()
    {
    }

    [SetUp]
    public void Clear() => _entries.Clear();

    [Test]
    public async Task A_failed_dial_names_both_ends_and_the_reason()
    {
        NetworkException failure = new(NetworkError.HostUnreachable);
        Dialer.OnDial = (_, _) => throw failure;
        TcpPeer peer = Link.CreatePeer(Server4);
        await peer.ConnectAsync();

        await Eventually.HoldsAsync(() => !_entries.IsEmpty, "an entry");
        Assert.That(_entries.Single(), Is.EqualTo((LogLevel.Debug, 1, $"Dialling {Server4} for {peer.Local} failed: HostUnreachable.", (Exception?)failure)));
    }

    [Test]
    public async Task A_bug_in_the_dialer_is_an_error_with_its_exception()
    {
        InvalidOperationException bug = new("a bug");
        Dialer.OnDial = (_, _) => throw bug;
        await Link.CreatePeer(Server4).ConnectAsync();

        await Eventually.HoldsAsync(() => _entries.Count == 2, "the entries");
        Assert.That(_entries.Select(static entry => (entry.Level, entry.Id, entry.Exception)), Does.Contain((LogLevel.Error, 3, (Exception?)bug)));
    }

    [Test]
    public async Task Payload_is_never_logged()
    {
        (TcpPeer peer, FakeUpstream upstream) = await ConnectAsync();
        await peer.SendAsync("a secret"u8.ToArray());
        await upstream.Received.ReadAtLeastAsync(8);
        upstream.ReadError = new NetworkException(NetworkError.ConnectionReset);
        await upstream.Answers.CompleteAsync();
        Proxy.OnDatagram = static (_, _, _) => throw new NetworkException(NetworkError.PortUnreachable);
        Link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), Server4, "a secret"u8));
        await Eventually.HoldsAsync(() => Statistics is { UpstreamErrors: 1, DatagramsFailed: 1 }, "the errors");

        Assert.That(_entries.Where(static entry => entry.Text.Contains("secret", StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void Replacements_are_logged()
    {
        Device.SetDialer(new FakeDialer());
        Device.SetPacketProxy(new FakePacketProxy(), ExistingFlows.Reset);

        Assert.That(_entries.Select(static entry => (entry.Level, entry.Id)), Is.EqualTo(new[] { (LogLevel.Information, 7), (LogLevel.Information, 8) }));
    }
}
