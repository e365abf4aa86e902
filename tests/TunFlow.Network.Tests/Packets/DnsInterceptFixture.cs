using System.Net;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>An intercepting proxy between scripted ones, and one session of it.</summary>
internal abstract class DnsInterceptFixture
{
    protected static readonly IPEndPoint Local = IPEndPoint.Parse("10.9.0.1:53");
    protected static readonly IPEndPoint Remote = IPEndPoint.Parse("9.9.9.9:53");
    protected static readonly IPEndPoint Other = IPEndPoint.Parse("192.0.2.7:443");
    protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    protected ManualTimeProvider Time { get; private set; } = null!;

    protected ScriptedPacketProxy Dns { get; private set; } = null!;

    protected ScriptedPacketProxy Default { get; private set; } = null!;

    protected DnsInterceptPacketProxy Proxy { get; private set; } = null!;

    protected RecordingReceiver Receiver { get; private set; } = null!;

    protected IPacketRequestSender Sender { get; private set; } = null!;

    protected DnsInterceptPacketProxyStatistics Statistics => Proxy.GetStatistics();

    [SetUp]
    public async Task OpenAsync()
    {
        Time = new ManualTimeProvider();
        Dns = new ScriptedPacketProxy();
        Default = new ScriptedPacketProxy();
        Proxy = Create(Local);
        Receiver = new RecordingReceiver();
        Sender = await Proxy.NewSessionAsync(Receiver);
    }

    [TearDown]
    public async Task CloseAsync()
    {
        await Sender.DisposeAsync().AsTask().WaitAsync(Limit);
        await Receiver.Disposed.WaitAsync(Limit);
        await Eventually.IsAsync(() => Dns.Sessions.Concat(Default.Sessions).All(session => session.Disposals == 1), "every inner session is disposed once");
        await Eventually.IsAsync(() => Statistics is { ActiveSessions: 0, PendingQueries: 0 }, "nothing is open");
        Assert.That((Receiver.DisposeCount, Time.ActiveTimers), Is.EqualTo((1, 0)));
    }

    /// <summary>A query for an A record.</summary>
    protected static byte[] Query(ushort id, string name = "example.com", ushort type = 1)
    {
        List<byte> message = [(byte)(id >> 8), (byte)id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        foreach (string label in name.Split('.'))
        {
            message.Add((byte)label.Length);
            message.AddRange(System.Text.Encoding.ASCII.GetBytes(label));
        }

        message.AddRange([0, (byte)(type >> 8), (byte)type, 0, 1]);
        return [.. message];
    }

    /// <summary>An answer without records.</summary>
    protected static byte[] Answer(byte[] query)
    {
        byte[] answer = [.. query];
        answer[2] |= 0x80;
        return answer;
    }

    protected DnsInterceptPacketProxy Create(IPEndPoint local, int maxPending = 100, int maxPendingPerSession = 10) => new(Dns, Default, local, Remote, new()
    {
        TimeProvider = Time,
        MaxPendingQueries = maxPending,
        MaxPendingQueriesPerSession = maxPendingPerSession,
    });

    protected async Task AssertFailsAsync(byte[] payload, IPEndPoint destination, NetworkError error, IPacketRequestSender? sender = null)
    {
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await (sender ?? Sender).WriteToAsync(payload, destination).AsTask().WaitAsync(Limit));
        Assert.That(exception.Error, Is.EqualTo(error), exception.ToString());
    }
}
