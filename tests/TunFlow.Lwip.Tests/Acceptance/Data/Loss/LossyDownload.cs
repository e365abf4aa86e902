using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Lwip.Tests.Linux;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Loss;

/// <summary>A kernel socket's download over a bad link: from the stack, or from this system's own TCP over the same link.</summary>
/// <param name="MegabytesPerSecond">Payload, from the first byte to the last.</param>
/// <param name="LongestStall">The longest time without a byte, in seconds.</param>
/// <param name="Lost">Packets that the link lost, in both directions.</param>
/// <param name="Retransmissions">Of the stack.</param>
[SupportedOSPlatform("linux")]
internal sealed record LossyDownload(double MegabytesPerSecond, double LongestStall, long Lost, long Retransmissions)
{
    private static readonly IPEndPoint s_server = IPEndPoint.Parse("10.128.0.1:80"); // a swarm's first, so that a LoadDialer knows its pattern

    /// <summary>From a <see cref="LwipDevice"/>.</summary>
    public static async Task<LossyDownload> FromStackAsync(ImpairmentOptions impairment, int length)
    {
        LoadDialer dialer = new();
        ImpairmentDevice? link = null;
        LossyDownload result;
        await using (TunnelHost host = TunnelHost.Start(dialer, new FakePacketProxy(), PacketOffloads.None, wrap: tun => link = new ImpairmentDevice(tun, impairment, ownsInner: false)))
        {
            using Socket client = await host.ConnectAsync(s_server);
            await Eventually.HoldsAsync(() => dialer.Upstreams.ContainsKey(0), "the dial");
            dialer.Upstreams[0].Send(length);
            dialer.Upstreams[0].Complete();
            result = await ReceiveAsync(client, length);
            result = result with { Retransmissions = host.Tunnel.GetStatistics().Stack.Retransmissions, Lost = LostOf(link!) };
        }

        await link!.DisposeAsync();
        return result;
    }

    /// <summary>From the kernel.</summary>
    public static async Task<LossyDownload> FromKernelAsync(ImpairmentOptions impairment, int length, bool selectiveAcknowledgments)
    {
        byte[] data = new byte[length];
        Pattern.Fill(data, 0, 0);
        await using KernelSender sender = KernelSender.Start(s_server, selectiveAcknowledgments);
        await using KernelReceiver receiver = KernelReceiver.Start();
        await using ImpairmentDevice link = new(receiver.Tun, impairment, ownsInner: false);
        await using PacketPump pump = PacketPump.Start(sender.Tun, link);
        Task serving = sender.ServeAsync(data);
        LossyDownload result;
        using (Socket client = await receiver.ConnectAsync(s_server))
        {
            result = await ReceiveAsync(client, length) with { Lost = LostOf(link) };
        }

        await serving.WaitAsync(TimeSpan.FromSeconds(30));
        return result;
    }

    private static long LostOf(ImpairmentDevice link) => link.GetStatistics().Read.Lost + link.GetStatistics().Written.Lost;

    private static async Task<LossyDownload> ReceiveAsync(Socket client, int length)
    {
        byte[] buffer = new byte[256 * 1024];
        long received = 0, started = Stopwatch.GetTimestamp(), last = started;
        TimeSpan longest = default;
        int count;
        using CancellationTokenSource patience = new(TimeSpan.FromMinutes(3));
        while ((count = await client.ReceiveAsync(buffer, patience.Token)) > 0)
        {
            long now = Stopwatch.GetTimestamp();
            TimeSpan gap = Stopwatch.GetElapsedTime(last, now);
            longest = gap > longest ? gap : longest;
            last = now;
            Assert.That(Pattern.Matches(buffer.AsSpan(0, count), 0, received), Is.True, $"the bytes from {received} on");
            received += count;
        }

        Assert.That(received, Is.EqualTo(length), "bytes");
        return new LossyDownload(length / Stopwatch.GetElapsedTime(started, last).TotalSeconds / 1e6, longest.TotalSeconds, 0, 0);
    }
}
