using System.Net;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Steady;

/// <summary>The stack between lean clients and lean upstreams.</summary>
internal sealed class SteadyStack : ISteadyTraffic
{
    private const int Segment = 1460;
    private const int Remotes = 64;
    private const int Window = 64;

    private readonly SteadyPath _path;
    private readonly LoadDialer _dialer = new();
    private readonly LwipDevice _device;
    private readonly Swarm _swarm;
    private readonly byte[][] _datagrams;

    private SteadyStack(SteadyPath path)
    {
        _path = path;
        _device = new LwipDevice(_dialer, new EchoProxy());
        _swarm = new Swarm(_device, path == SteadyPath.Datagrams ? 0 : 1);
        _datagrams = [.. Enumerable.Range(1, Remotes).Select(static i => PacketBuilder.UdpDatagram(
            IPEndPoint.Parse("10.9.0.2:5000"), new IPEndPoint(new IPAddress([198, 51, 100, (byte)i]), 443), new byte[1000]))];
    }

    public static async Task<ISteadyTraffic> OpenAsync(SteadyPath path)
    {
        SteadyStack stack = new(path);
        await stack._swarm.ConnectAsync();
        return stack;
    }

    public void Pass(int packets)
    {
        if (_path == SteadyPath.Datagrams)
            Echo(packets / 2);
        else if (_path == SteadyPath.StreamUp)
            Stream(packets, _dialer.Upstreams[0], _swarm.Flows[0].Send, static upstream => upstream.Received);
        else
            Stream(packets, _swarm.Flows[0], _dialer.Upstreams[0].Send, static flow => flow.Received);
    }

    public async ValueTask DisposeAsync()
    {
        if (_path == SteadyPath.StreamUp)
            Assert.That(_dialer.Upstreams[0].Corrupt, Is.Null);
        _swarm.AssertIntact();
        await _device.DisposeAsync();
    }

    private static void Stream<T>(int packets, T end, Action<long> send, Func<T, long> received)
    {
        long expected = received(end);
        for (int left = packets; left > 0; left -= Window)
        {
            int bytes = Math.Min(left, Window) * Segment;
            expected += bytes;
            send(bytes);
            Spin(end, received, expected);
        }
    }

    private void Echo(int datagrams)
    {
        long expected = _swarm.Strays;
        for (int sent = 0; sent < datagrams;)
        {
            int count = Math.Min(Window / 2, datagrams - sent);
            for (int i = 0; i < count; i++)
                _swarm.Write(_datagrams[sent++ % Remotes]);
            expected += count;
            Spin(_swarm, static swarm => swarm.Strays, expected);
        }
    }

    private static void Spin<T>(T end, Func<T, long> value, long expected)
    {
        SpinWait spin = default;
        while (value(end) != expected)
            spin.SpinOnce(sleep1Threshold: -1);
    }
}
