using System.Diagnostics;
using System.Net;
using TunFlow.Network;
using TunFlow.Network.Relays;

namespace TunFlow.Testing;

/// <summary>The contract of <see cref="IPacketRelay"/> and <see cref="IPacketAssociation"/> as tests. Derive a fixture per implementation.</summary>
public abstract partial class PacketRelayConformance
{
    /// <summary>How long a single step may take before the test fails instead of hanging.</summary>
    protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>How long an association of the relay under test must live after its last send.</summary>
    protected static readonly TimeSpan WriteIdleTimeout = TimeSpan.FromSeconds(32);

    /// <summary>A remote endpoint.</summary>
    protected static readonly IPEndPoint Remote = new(IPAddress.Parse("192.0.2.7"), 53);

    /// <summary>Another remote endpoint.</summary>
    protected static readonly IPEndPoint OtherRemote = new(IPAddress.Parse("2001:db8::7"), 4433);

    private readonly List<IPacketAssociation> _opened = [];

    /// <summary>The clock of the relay under test.</summary>
    protected ManualTimeProvider Time { get; private set; } = null!;

    /// <summary>The relay under test.</summary>
    protected IPacketRelay Subject { get; private set; } = null!;

    /// <summary>The sockets beneath it.</summary>
    protected Transport Sockets { get; private set; } = null!;

    /// <summary>Whether the sockets can wait for data without taking it.</summary>
    protected virtual bool SocketsCanWait => true;

    /// <summary>Makes a relay.</summary>
    /// <param name="listener">What it opens its sockets with, one per association.</param>
    /// <param name="writeIdleTimeout">How long its associations must live after the last send.</param>
    /// <param name="timeProvider">Its clock.</param>
    protected abstract IPacketRelay CreateRelay(IPacketListener listener, TimeSpan writeIdleTimeout, TimeProvider timeProvider);

    /// <summary>Creates the relay.</summary>
    [SetUp]
    public void SetUpRelay()
    {
        Time = new ManualTimeProvider();
        Sockets = new Transport(SocketsCanWait);
        Subject = CreateRelay(Sockets, WriteIdleTimeout, Time);
    }

    /// <summary>Disposes the associations; every socket must have been disposed exactly once then.</summary>
    [TearDown]
    public async Task TearDownRelayAsync()
    {
        foreach (IPacketAssociation association in _opened)
        {
            await association.DisposeAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        }

        _opened.Clear();
        await EventuallyAsync(() => Sockets.Connections.All(connection => connection.DisposeCount == 1), "every socket was disposed once").ConfigureAwait(false);
        Assert.That(Time.ActiveTimers, Is.Zero, "timers left behind");
    }

    /// <summary>Waits for something that another thread is about to do.</summary>
    protected static async Task EventuallyAsync(Func<bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Limit)
            {
                Assert.Fail($"Not in time: {what}");
            }

            await Task.Delay(2).ConfigureAwait(false);
        }
    }

    /// <summary>Opens an association and finds its socket.</summary>
    protected async Task<(IPacketAssociation Association, Connection Socket)> OpenAsync()
    {
        int before = Sockets.Connections.Count;
        IPacketAssociation association = await Subject.NewAssociationAsync().AsTask().WaitAsync(Limit).ConfigureAwait(false);
        _opened.Add(association);
        Assert.That(Sockets.Connections, Has.Count.EqualTo(before + 1));
        return (association, Sockets.Connections[before]);
    }

    /// <summary>Receives one datagram into a buffer of 64 KiB.</summary>
    protected static async Task<(byte[] Payload, IPEndPoint? Source)> ReceiveAsync(IPacketAssociation association)
    {
        byte[] buffer = new byte[65_536];
        ReceivedDatagram datagram = await association.ReceivePacketAsync(buffer).AsTask().WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(datagram.Truncated, Is.False);
        return (buffer[..datagram.Length], datagram.Source);
    }

    /// <summary>Checks that a call says that the association ended by itself.</summary>
    protected static async Task AssertClosedAsync(Func<Task> call)
    {
        NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(() => call().WaitAsync(Limit)).ConfigureAwait(false);
        Assert.That(exception!.Error, Is.EqualTo(NetworkError.Closed));
    }

    /// <summary>Checks that a call says that the association was disposed.</summary>
    protected static async Task AssertDisposedAsync(Func<Task> call) =>
        await Assert.ThrowsAsync<ObjectDisposedException>(() => call().WaitAsync(Limit)).ConfigureAwait(false);

    [Test]
    public async Task AFailingOpeningIsTheCallersAndTheNextOneWorks()
    {
        Sockets.ListenError = new NetworkException(NetworkError.ResourceExhausted);
        NetworkException? exception = await Assert.ThrowsAsync<NetworkException>(async () => await Subject.NewAssociationAsync().ConfigureAwait(false)).ConfigureAwait(false);
        Assert.That(exception!.Error, Is.EqualTo(NetworkError.ResourceExhausted));
        Assert.That(Time.ActiveTimers, Is.Zero);
        Sockets.ListenError = null;
        (IPacketAssociation association, Connection socket) = await OpenAsync().ConfigureAwait(false);
        await association.SendPacketAsync(new byte[1], Remote).ConfigureAwait(false);
        Assert.That(socket.Sent, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task ACancelledOpeningOpensNothing()
    {
        Assert.That(
            async () => await Subject.NewAssociationAsync(new CancellationToken(canceled: true)).ConfigureAwait(false),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Sockets.Connections, Is.Empty);
        Assert.That(Time.ActiveTimers, Is.Zero);
        await Task.CompletedTask.ConfigureAwait(false);
    }

    [Test]
    public async Task AssociationsAreIndependent()
    {
        (IPacketAssociation first, Connection firstSocket) = await OpenAsync().ConfigureAwait(false);
        (IPacketAssociation second, Connection secondSocket) = await OpenAsync().ConfigureAwait(false);
        await first.DisposeAsync().ConfigureAwait(false);
        secondSocket.Arrives([9], Remote);
        Assert.That((await ReceiveAsync(second).ConfigureAwait(false)).Payload, Is.EqualTo(new byte[] { 9 }));
        Assert.That((firstSocket.DisposeCount, secondSocket.DisposeCount), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task FiftyAssociationsOpenAtOnce()
    {
        IPacketAssociation[] associations = await Task.WhenAll(Enumerable.Range(0, 50)
            .Select(_ => Task.Run(async () => await Subject.NewAssociationAsync().ConfigureAwait(false)))).WaitAsync(Limit).ConfigureAwait(false);
        _opened.AddRange(associations);
        Assert.That(Sockets.Connections, Has.Count.EqualTo(50));
        await Task.WhenAll(associations.Select((association, i) => association.SendPacketAsync(new[] { (byte)i }, Remote).AsTask())).WaitAsync(Limit).ConfigureAwait(false);
        Assert.That(Sockets.Connections.Select(socket => (int)socket.Sent.Single().Payload[0]), Is.EquivalentTo(Enumerable.Range(0, 50)));
    }
}
