using System.IO.Pipelines;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Faults;

/// <summary>A device, connections of several kinds, datagrams and pings through it, while native allocations fail.</summary>
internal sealed class AllocationFailureRound(ulong nth, uint perMille)
{
    private const int EchoPort = 7;
    private const int RefusedPort = 9;
    private const int SourcePort = 19;
    private const int StreamLength = 150_000;

    /// <summary>lwIP's longest retransmission time-out is a minute, and the one before it half of that.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(200);

    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(250);

    private readonly ManualTimeProvider _time = new();
    private readonly FakeDialer _dialer = new();
    private readonly FakePacketProxy _proxy = new();
    private readonly List<PatientPeer> _peers = [];
    private readonly byte[] _data = new byte[StreamLength];
    private readonly HashSet<IPEndPoint> _answered = [];
    private readonly byte[] _buffer = new byte[65_536];
    private Task<int>? _read;

    /// <summary>What the device counted.</summary>
    public long Failures { get; private set; }

    public bool WasCreated { get; private set; }

    /// <summary>Null if everything ended as it should.</summary>
    public async Task<string?> RunAsync()
    {
        new Random(1).NextBytes(_data);
        _dialer.OnDial = Dial;
        FaultyLibrary.FailAllocations(nth, perMille);
        LwipDevice device;
        try
        {
            device = new LwipDevice(_dialer, _proxy, new LwipDeviceOptions { TimeProvider = _time, EchoMode = EchoMode.Answer, IcmpPerSecond = 1000, MaxFlows = 64, MaxPendingDials = 64, MaxPendingDialsPerSource = 64, MaxSessions = 16 });
        }
        catch (NetworkException exception) when (exception.Error == NetworkError.ResourceExhausted)
        {
            FaultyLibrary.FailAllocations(0, 0);
            Failures = 1;
            return null;
        }

        WasCreated = true;
        string? problem = await UseAsync(device);
        FaultyLibrary.FailAllocations(0, 0);
        Failures = device.GetStatistics().AllocationFailures;
        await device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        return problem ?? await CheckAsync(device);
    }

    private async Task<string?> UseAsync(LwipDevice device)
    {
        void Send(byte[] packet) => device.WriteAsync(packet).GetAwaiter().GetResult();
        foreach ((string app, string server) in new[] { ("10.9.0.2", "192.0.2.1"), ("fd09::2", "2001:db8::1") })
        {
            IPEndPoint Local(int port) => new(IPAddress.Parse(app), port);
            IPEndPoint Remote(int port) => new(IPAddress.Parse(server), port);
            _peers.Add(new PatientPeer(Send, Local(1000), Remote(EchoPort), _data));
            _peers.Add(new PatientPeer(Send, Local(1001), Remote(SourcePort), []));
            _peers.Add(new PatientPeer(Send, Local(1002), Remote(RefusedPort), _data));
            _peers.Add(new PatientPeer(Send, Local(1003), Remote(EchoPort), _data, resets: true));
        }

        int quiet = 0;
        while (_time.Elapsed < s_longest)
        {
            foreach (PatientPeer peer in _peers)
                peer.Poll();
            SendDatagrams(Send);
            while (await DrainAsync(device))
            {
            }

            // The end of a flow on the managed side comes on threads that virtual time doesn't wait for.
            bool over = _peers.TrueForAll(static peer => peer.IsDone) && _answered.Count == 4;
            if (over && (device.GetFlows().All(static flow => flow.Destination is null) || ++quiet > 2000))
                break;
            _time.Advance(s_step);
        }

        if (_peers.Find(static peer => !peer.IsDone) is { } stuck)
            return $"stuck: {stuck}; {device.GetStatistics()}";
        if (_answered.Count != 4)
            return $"answered were only {string.Join(", ", _answered)}";
        if (quiet > 2000)
            return $"flows are left: {string.Join(", ", device.GetFlows())}";
        return _peers.Where(static peer => peer.FinReceived && !peer.Received.IsEmpty).All(peer => peer.Received.SequenceEqual(_data)) ? null : "bytes are wrong";
    }

    /// <summary>Again and again, until each was answered: datagrams may get lost.</summary>
    private void SendDatagrams(Action<byte[]> send)
    {
        IPEndPoint server4 = IPEndPoint.Parse("192.0.2.1:99"), server6 = IPEndPoint.Parse("[2001:db8::1]:99");
        if (!_answered.Contains(IPEndPoint.Parse("10.9.0.2:2000")))
            send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:2000"), server4, new byte[500]));
        if (!_answered.Contains(IPEndPoint.Parse("[fd09::2]:2001")))
            send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("[fd09::2]:2001"), server6, new byte[500]));
        // Fragments, in and out: the answer's first one is enough.
        if (!_answered.Contains(IPEndPoint.Parse("10.9.0.2:0")))
        {
            foreach (byte[] fragment in PacketBuilder.Fragment(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:2002"), server4, new byte[4000]), 1480))
                send(fragment);
        }

        if (!_answered.Contains(IPEndPoint.Parse("[fd09::2]:0")))
            send(PacketBuilder.EchoRequest(IPAddress.Parse("fd09::2"), server6.Address, 1, new byte[56]));
    }

    /// <summary>Takes what the device has for the applications. True if there was something, or may soon be.</summary>
    private async Task<bool> DrainAsync(LwipDevice device)
    {
        _read ??= device.ReadAsync(_buffer).AsTask();
        if (!_read.IsCompleted)
            await Task.WhenAny(_read, Task.Delay(3));
        if (!_read.IsCompleted)
            return false;
        int length = await _read;
        _read = null;
        ParsedPacket packet = ParsedPacket.Parse(_buffer.AsSpan(0, length));
        if (packet.Protocol != PacketBuilder.Tcp)
            _answered.Add(packet.Destination);
        else
            _peers.Find(peer => peer.Local.Equals(packet.Destination))?.OnPacket(packet);
        return true;
    }

    private ValueTask<StreamConnection> Dial(EndPoint remote, CancellationToken cancellationToken)
    {
        int port = ((IPEndPoint)remote).Port;
        if (port == RefusedPort)
            throw new NetworkException(NetworkError.ConnectionRefused);
        FakeUpstream upstream = _dialer.Create();
        _ = port == EchoPort ? EchoAsync(upstream) : SendAllAsync(upstream);
        return new ValueTask<StreamConnection>(upstream);
    }

    private static async Task EchoAsync(FakeUpstream upstream)
    {
        await upstream.Received.CopyToAsync(upstream.Answers);
        await upstream.Answers.CompleteAsync();
    }

    private async Task SendAllAsync(FakeUpstream upstream)
    {
        await upstream.Answers.WriteAsync(_data);
        await upstream.Answers.CompleteAsync();
        await upstream.Received.CopyToAsync(Stream.Null);
    }

    private async Task<string?> CheckAsync(LwipDevice device)
    {
        bool Ended() => device.IsReleased && _dialer.Upstreams.All(static one => one.Disposals == 1) && _proxy.Sessions.All(static one => one.Disposals == 1);
        long start = Environment.TickCount64;
        while (!Ended() && Environment.TickCount64 - start < 10_000)
            await Task.Delay(2);
        LwipStatistics now = device.GetStatistics();
        if (!Ended())
            return $"released {device.IsReleased}, upstreams disposed {string.Join(' ', _dialer.Upstreams.Select(static one => one.Disposals))}, sessions {string.Join(' ', _proxy.Sessions.Select(static one => one.Disposals))}";
        return (now.Asserts, now.UnexpectedExceptions) is (0, 0) ? null : $"{now.Asserts} asserts, {now.UnexpectedExceptions} unexpected exceptions";
    }
}
