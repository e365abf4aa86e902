using System.Diagnostics;
using System.Net;
using TunFlow.Lwip.Tests.Acceptance.Data.Load;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Data;

/// <summary>Nobody reads the device, or the one who writes does.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class UnreadAnswerTests
{
    [SetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [Test]
    [Weakness(16)]
    public async Task Ten_thousand_sessions_that_answer_while_nobody_reads_take_no_thread_and_bounded_memory()
    {
        const int sessions = 10_000, answers = 20;
        FakePacketProxy proxy = new()
        {
            Records = false,
            OnDatagram = static async (session, payload, destination) =>
            {
                for (int i = 0; i < answers; i++)
                    await session.Receiver.WriteFromAsync(payload, destination);
            },
        };
        LwipDeviceOptions options = new() { TimeProvider = new ManualTimeProvider(), MaxSessions = sessions };
        await using LwipDevice device = new(new FakeDialer(), proxy, options);
        // Threads that the runtime starts for any load are there after the first thousand.
        int threads = 0, most = 0;
        for (int i = 0; i < sessions; i++)
        {
            await device.WriteAsync(PacketBuilder.UdpDatagram(new IPEndPoint(IPAddress.Parse("10.9.0.2"), 10_000 + i), IPEndPoint.Parse("198.51.100.1:443"), new byte[1000]));
            if (i % 1000 != 999)
                continue;
            await Eventually.HoldsAsync(() => device.GetStatistics() is { } now && now.DatagramsUp + now.DatagramsFailed == i + 1, "the answers");
            int now = Process.GetCurrentProcess().Threads.Count;
            threads = threads == 0 ? now : threads;
            most = Math.Max(most, now);
        }

        LwipStatistics statistics = device.GetStatistics();
        TestContext.Out.WriteLine($"{threads} threads, {most} at most; {statistics.NativeBytesPeak >> 10} KiB, {statistics.Drops[PacketDropReason.OutputFull]} answers dropped");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(most - threads, Is.LessThanOrEqualTo(2 + Environment.ProcessorCount), "threads more than with a thousand sessions: none of theirs, the pool may try one or two");
            Assert.That(statistics.Sessions, Is.EqualTo(sessions));
            Assert.That(statistics.Drops[PacketDropReason.OutputFull], Is.Positive);
            // The queue's bytes with what stands beside them, and a kilobyte a session.
            Assert.That(statistics.NativeBytesPeak, Is.LessThan((2L * options.OutputQueueBytes) + (sessions * 1024L)));
        }
    }

    [Test]
    [Weakness(16)]
    public void One_thread_that_writes_and_reads_by_turns_is_enough()
    {
        using LoopThread thread = new();
        Assert.That(thread.Finished, Is.True, "a loop of one thread");
        Assert.That(thread.Echoes, Is.EqualTo(1000));
    }

    /// <summary>Writes and reads as a program without any asynchronous code does.</summary>
    private sealed class LoopThread : IDisposable
    {
        private readonly LwipDevice _device = new(new LoadDialer { Echoes = true }, new EchoProxy());

        public LoopThread()
        {
            Thread thread = new(Run) { IsBackground = true };
            thread.Start();
            Finished = thread.Join(TimeSpan.FromSeconds(20));
        }

        public bool Finished { get; }

        public int Echoes { get; private set; }

        public void Dispose() => _device.DisposeAsync().AsTask().GetAwaiter().GetResult();

        private void Run()
        {
            byte[] buffer = new byte[2048];
            for (int i = 0; i < 1000; i++)
            {
                byte[] datagram = PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:7000"), IPEndPoint.Parse("198.51.100.1:7"), [(byte)i, (byte)(i >> 8)]);
                byte[] syn = PacketBuilder.TcpSegment(new IPEndPoint(IPAddress.Parse("10.9.0.2"), 10_000 + i), IPEndPoint.Parse("10.128.0.1:80"), 1, 0, TcpFlags.Syn, 65_535);
                _device.WriteAsync(syn).AsTask().Wait();
                _device.WriteAsync(datagram).AsTask().Wait();
                // A SYN-ACK and an echo, in whichever order; and where this takes more than a second, earlier SYN-ACKs again.
                for (bool answered = false, echoed = false; !answered || !echoed;)
                {
                    int length = _device.ReadAsync(buffer).AsTask().GetAwaiter().GetResult();
                    var packet = ParsedPacket.Parse(buffer.AsSpan(0, length));
                    if (packet.Protocol == PacketBuilder.Udp && packet.Payload.Span[0] == (byte)i)
                        echoed = true;
                    else
                        answered |= packet.Destination.Port == 10_000 + i;
                }

                Echoes++;
            }
        }
    }
}
