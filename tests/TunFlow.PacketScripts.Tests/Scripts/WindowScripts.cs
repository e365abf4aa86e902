using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

/// <summary>RFC 9293 3.8.6: windows of zero, tiny ones, and ones that shrink.</summary>
[AcceptanceRow(16)]
public sealed class WindowScripts : ScriptFixture
{
    public WindowScripts(IPVersion version)
        : base(version)
    {
    }

    /// <summary>3.8.6.1: probes at doubled intervals for as long as they are answered (MUST-37), however long that is.</summary>
    [Test]
    public void Closed_window_is_probed_at_growing_intervals_and_never_given_up()
    {
        using PacketScript script = NewScript();
        script.Main.Window = 10_000;
        script.Open(syn => syn.Mss(1000));
        script.Write(30_000);
        Reader reader = new(script, 10_001);
        script.Require(Receive(script, reader, 10_000, 10_000) == 10_000, "the window filled", $"{reader.Next - 1} bytes");
        reader.Acknowledge(window: 0);
        script.TakeAll();

        List<double> probes = [script.Now.TotalSeconds];
        while (script.Now < TimeSpan.FromMinutes(60))
        {
            ReceivedPacket probe = script.ExpectWithin(300, Tcp.Data(1, seq: 10_001));
            probes.Add(probe.At.TotalSeconds);
            script.Send(Tcp.Ack(ack: 10_001).Window(0));
        }

        double[] intervals = [.. probes.Zip(probes.Skip(1), (a, b) => b - a)];
        script.Comment("probes after " + string.Join(", ", intervals.Take(12)));
        Assert.Multiple(() =>
        {
            Assert.That(intervals[0], Is.InRange(0.5, 2.0), "the first after the retransmission timeout");
            Assert.That(intervals, Is.Ordered, "each as long as the one before, at least");
            Assert.That(intervals[3] / intervals[0], Is.GreaterThanOrEqualTo(6), "doubled, in half seconds");
            Assert.That(intervals.Max(), Is.InRange(48, 120), "at most two minutes");
        });
        script.ExpectNoEvent(TfEventFlags.Closed);

        double opened = script.Now.TotalSeconds;
        reader.Acknowledge(window: 65_535);
        script.Require(Receive(script, reader, 20_000, 65_535) == 20_000, "the rest of the stream", $"{reader.Next - 1} bytes");
        Assert.That(script.Now.TotalSeconds, Is.EqualTo(opened), "at once");
        Assert.That(script.Statistics.Asserts, Is.Zero);
    }

    /// <summary>The update that opened the window was lost: a probe finds out.</summary>
    [Test]
    public void Lost_window_update_is_found_by_a_probe()
    {
        using PacketScript script = NewScript();
        script.Main.Window = 2000;
        script.Open(syn => syn.Mss(1000));
        script.Write(5000);
        Reader reader = new(script, 2001);
        reader.Take();
        reader.Acknowledge(window: 0);
        script.ExpectNothing();
        // The application's window is open again; nobody said so. The probe's byte is taken, and its ACK says it.
        script.ExpectWithin(2, Tcp.Data(1, seq: 2001));
        script.Send(Tcp.Ack(ack: 2002).Window(60_000));
        // lwIP sends the probed byte again with its segment.
        uint next = 2002;
        foreach (ReceivedPacket packet in script.TakeAll())
            next = Math.Max(next, packet.Seq + (uint)packet.Parsed.Payload.Length);
        script.Require(next == 5001, "the rest at once", $"up to {next}");
        script.Send(Tcp.Ack(ack: 5001));
    }

    /// <summary>
    /// From nothing in the SYN to 300 bytes, one more at each step, told by an ACK, by data, and with a write behind it:
    /// what made lwIP's sizes of segments underflow.
    /// </summary>
    [Test]
    public void Window_that_grows_from_0_to_300_bytes_completes_the_transfer([Values(0, 1, 2)] int style, [Values(536, 1400)] int mss)
    {
        using PacketScript script = NewScript();
        script.Main.Window = 0;
        script.Open(syn => syn.Mss(mss));
        Reader reader = new(script, 1);
        const int Total = 60_000;
        int written = style == 2 ? 700 : Total;
        script.Write(written);
        for (int window = 1; reader.Next - 1 < Total; window = Math.Min(window + 1, 300))
        {
            reader.Acknowledge(window, data: style == 1 && window % 3 == 0 ? 1 : 0);
            if (style == 2 && written < Total)
            {
                int more = Math.Min(97, Total - written);
                script.Require(script.Write(more) == more, "the write taken", "it is short");
                written += more;
            }

            int taken = reader.Take();
            for (int i = 0; taken == 0 && i < 200; i++)
            {
                script.Advance(1);
                taken = reader.Take();
            }

            script.Require(taken > 0, "progress within 200 s", $"none at {reader.Next} with a window of {window}");
            Assert.That(script.Statistics.Asserts, Is.Zero);
        }

        reader.Acknowledge(65_535);
        script.ExpectNoEvent(TfEventFlags.Closed);
    }

    /// <summary>Every size from 1 to 300 stays as it is: the sender uses it and goes on.</summary>
    [Test]
    public void Window_of_every_size_from_1_to_300_bytes_is_used()
    {
        for (int window = 1; window <= 300; window++)
        {
            using PacketScript script = NewScript();
            script.Main.Window = window;
            script.Open(syn => syn.Mss(536));
            script.Write(900);
            Reader reader = new(script, 1 + (uint)window);
            for (int i = 0; i < 20_000 && reader.Next != 901; i++)
            {
                if (reader.Take() > 0)
                    reader.Acknowledge(window);
                else
                    script.Advance(0.25);
            }

            script.Require(reader.Next == 901, $"900 bytes through a window of {window}", $"{reader.Next - 1}");
            Assert.That(script.Statistics.Asserts, Is.Zero);
        }
    }

    /// <summary>3.8.6: "A TCP receiver SHOULD NOT shrink the window ... a sending peer MUST be robust against" it (MUST-34).</summary>
    [Test]
    public void Window_that_shrinks_below_what_is_in_flight_loses_nothing([Values(0, 1, 100, 1000)] int smaller)
    {
        using PacketScript script = NewScript();
        script.Main.Window = 8000;
        script.Open();
        script.Write(40_000);
        // Half of the flight arrives; the other half is lost, and there is room for less than that now.
        IReadOnlyList<ReceivedPacket> flight = script.TakeAll();
        uint half = flight[flight.Count / 2].Seq;
        script.Send(Tcp.Ack(ack: half).Window(smaller));
        foreach (ReceivedPacket packet in script.TakeAll())
            script.Require((int)(packet.Seq + (uint)packet.Parsed.Payload.Length - 8001) <= 0, "nothing new", packet.ToString());
        script.Advance(20);
        // Whatever was tried meanwhile lay in what was offered once, or is a probe.
        foreach (ReceivedPacket packet in script.TakeAll())
            script.Require((int)(packet.Seq + (uint)packet.Parsed.Payload.Length - 8002) <= 0, "nothing new", packet.ToString());

        Drain(script, half, 40_001);
        Assert.That(script.Statistics.Asserts, Is.Zero);
        script.ExpectNoEvent(TfEventFlags.Closed);
    }

    private static int Receive(PacketScript script, Reader reader, int bytes, int window)
    {
        uint start = reader.Next;
        for (int i = 0; i < 1000 && reader.Next - start < bytes; i++)
        {
            if (reader.Take() == 0)
                break;
            reader.Acknowledge(Math.Min(window, (int)(start + (uint)bytes - reader.Next)));
        }

        return (int)(reader.Next - start);
    }

    /// <summary>An open window: everything up to the end arrives in order.</summary>
    private static void Drain(PacketScript script, uint next, uint end)
    {
        for (int i = 0; i < 5000 && next != end; i++)
        {
            script.Send(Tcp.Ack(ack: next).Window(65_535));
            uint before = next;
            for (int wait = 0; wait < 300 && next == before; wait++)
            {
                foreach (ReceivedPacket packet in script.TakeAll())
                {
                    uint last = packet.Seq + (uint)packet.Parsed.Payload.Length;
                    if ((int)(packet.Seq - next) <= 0 && (int)(last - next) > 0)
                        next = last;
                }

                if (next == before)
                    script.Advance(0.5);
            }
        }

        script.Require(next == end, $"the stream up to {end}", $"up to {next}");
        script.Send(Tcp.Ack(ack: end).Window(65_535));
        script.TakeAll();
    }
}
