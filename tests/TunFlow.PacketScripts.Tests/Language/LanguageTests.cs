using TunFlow.Interop;
using static TunFlow.PacketScripts.Language.Fields;

namespace TunFlow.PacketScripts.Language;

/// <summary>A language that lets everything pass would prove nothing: each line must be able to fail, and to say why.</summary>
public sealed class LanguageTests
{
    [OneTimeSetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [Test]
    public void Failure_shows_expectation_difference_and_the_listing()
    {
        using PacketScript script = new(IPVersion.V4);
        script.Send(Tcp.Syn(seq: 0).Window(1000).Mss(536));
        script.Accept();
        string message = Failure(() => script.Expect(Tcp.SynAck(ack: 1), Window.Is(1), Mss.Is(1460)));
        Assert.That(message, Does.StartWith("IPv4, at 0.000000 s"));
        Assert.That(message, Does.Contain("Expected: [S.], ack 1, length 0 with window = 1, MSS = 1460"));
        Assert.That(message, Does.Contain("But:      window is 65535"));
        Assert.That(message, Does.Contain("0.000000 < [S], seq 0, win 1000, options [mss 536], length 0"));
        Assert.That(message, Does.Contain("0.000000 ! Connect"));
        Assert.That(message, Does.Contain("0.000000 . accept: Ok"));
        Assert.That(message, Does.Contain("0.000000 > [S.], seq 0, ack 1, win 65535, options [mss 1460], length 0    <== this one"));
    }

    [Test]
    public void Times_in_the_listing_are_virtual_and_exact()
    {
        using PacketScript script = Opened();
        script.Advance(1.25);
        script.Write(10);
        ReceivedPacket packet = script.Expect(Tcp.Data(10, seq: 1));
        Assert.That(packet.At, Is.EqualTo(TimeSpan.FromSeconds(1.25)));
        Assert.That(script.Transcript, Does.Contain("1.250000 > [P.], seq 1:11, ack 1"));
        script.Send(Tcp.Ack());
    }

    [Test]
    public void Missing_packet_is_told()
    {
        using PacketScript script = Opened();
        Assert.That(Failure(() => script.Expect(Tcp.Ack())), Does.Contain("there is no packet"));
    }

    [Test]
    public void Packet_that_should_not_be_there_is_told()
    {
        using PacketScript script = Opened();
        script.Write(10);
        Assert.That(Failure(() => script.ExpectNothing()), Does.Contain("Expected: no packet").And.Contain("seq 1:11"));
        Assert.That(Failure(() => script.ExpectNothing(seconds: 1)), Does.Contain("Expected: no packet"));
    }

    [Test]
    public void Packet_that_comes_later_breaks_a_silence()
    {
        using PacketScript script = Opened();
        script.Write(10);
        script.Expect(Tcp.Data(10, seq: 1));
        string message = Failure(() => script.ExpectNothing(seconds: 3));
        Assert.That(message, Does.Contain("Expected: no packet").And.Contain("(not expected yet)"));
    }

    [TestCase("flags [P.]", 0)]
    [TestCase("seq 1", 1)]
    [TestCase("ack 1", 2)]
    [TestCase("length 10", 3)]
    [TestCase("another byte at 3", 4)]
    [TestCase("win 65535", 5)]
    public void Each_part_of_a_segment_is_compared(string instead, int part)
    {
        using PacketScript script = Opened();
        script.Write(10);
        byte[] wrong = Pattern.FromStack(0, 10);
        wrong[3]++;
        TcpTemplate expected = part switch
        {
            0 => Tcp.Data(10).Fin(),
            1 => Tcp.Data(10, seq: 2),
            2 => Tcp.Data(10, ack: 2),
            3 => Tcp.Data(11),
            4 => Tcp.Data(10).Payload(wrong),
            _ => Tcp.Data(10).Window(1),
        };
        Assert.That(Failure(() => script.Expect(expected)), Does.Contain("But:      " + instead));
    }

    [Test]
    public void Checks_can_be_joined_and_turned_over()
    {
        using PacketScript script = Opened();
        script.Write(10);
        ReceivedPacket packet = script.Expect(Tcp.Data(10));
        Assert.Multiple(() =>
        {
            Assert.That((Seq.Is(1) & Ack.Is(1)).Fault(packet), Is.Null);
            Assert.That((Seq.Is(1) & Ack.Is(2)).Fault(packet), Is.EqualTo("acknowledgment is 1"));
            Assert.That((Seq.Is(2) & Ack.Is(1)).Fault(packet), Is.EqualTo("sequence number is 1"));
            Assert.That((Seq.Is(2) | Ack.Is(1)).Fault(packet), Is.Null);
            Assert.That((Seq.Is(2) | Ack.Is(2)).Fault(packet), Is.EqualTo("sequence number is 1"));
            Assert.That((!Seq.Is(2)).Fault(packet), Is.Null);
            Assert.That((!Seq.Is(1)).Fault(packet), Is.EqualTo("sequence number = 1"));
            Assert.That(Fields.Length.Between(9, 11).Fault(packet), Is.Null);
            Assert.That(Fields.Length.Between(11, 12).Fault(packet), Is.EqualTo("length is 10"));
            Assert.That(Fields.Length.AtLeast(11).Fault(packet), Is.EqualTo("length is 10"));
            Assert.That(Fields.Length.AtMost(9).Fault(packet), Is.EqualTo("length is 10"));
            Assert.That(Fields.Length.IsNot(10).Fault(packet), Is.EqualTo("length is 10"));
            Assert.That(Mss.Is(1460).Fault(packet), Is.EqualTo("there is no MSS"));
            Assert.That(Mss.IsAbsent().Fault(packet), Is.Null);
            Assert.That(Seq.IsAbsent().Fault(packet), Is.EqualTo("sequence number is 1"));
        });
        script.Send(Tcp.Ack());
    }

    [Test]
    public void Sack_blocks_are_read_in_their_order()
    {
        using PacketScript script = new(IPVersion.V6);
        script.Open(syn => syn.SackPermitted());
        script.Send(Tcp.Data(10, seq: 101));
        script.Expect(Tcp.Ack(ack: 1), Sack((101, 111)));
        script.Send(Tcp.Data(10, seq: 301));
        ReceivedPacket packet = script.Expect(Tcp.Ack(ack: 1), Sack((301, 311), (101, 111)));
        Assert.That(Sack((101, 111), (301, 311)).Fault(packet), Is.EqualTo("the SACK blocks are {301:311, 101:111}"));
    }

    [Test]
    public void Wrong_bytes_to_read_and_a_wrong_number_of_them_are_told()
    {
        using PacketScript script = Opened();
        script.Send(Tcp.Data("hello"));
        script.Expect(Tcp.Ack(ack: 6));
        Assert.That(Failure(() => script.Read("help!")), Does.Contain("byte 112 at 3").And.Contain("hello"));
        Assert.That(Failure(() => script.Read("hell")), Does.Contain("5 bytes"));
        Assert.That(Failure(() => script.ReadEnd()), Does.Contain("the end of the stream"));
        script.Read("hello");
    }

    [Test]
    public void Events_that_did_not_happen_are_told()
    {
        using PacketScript script = Opened();
        Assert.That(Failure(() => script.ExpectEvent(TfEventFlags.Readable)), Does.Contain("there is none"));
        script.Send(Tcp.Rst(seq: 1));
        Assert.That(Failure(() => script.ExpectNoEvent(TfEventFlags.Closed)), Does.Contain("Closed"));
        Assert.That(Failure(() => script.ExpectClosed(TfStatus.Ok)), Does.Contain("with EReset"));
    }

    [Test]
    public void Packet_that_is_taken_where_a_drop_was_expected_is_told()
    {
        using PacketScript script = Opened();
        Assert.That(Failure(() => script.ExpectDropped(script.Segment(Tcp.Data(10)), TfDrop.Length, "data")), Does.Contain("0 drops for Length"));
        script.TakeAll();
        byte[] packet = script.Segment(Tcp.Data(10));
        packet[^1] ^= 1;
        Assert.That(Failure(() => script.ExpectDropped(packet, TfDrop.Length, "data")), Does.Contain("drops for"));
    }

    [Test]
    public void Packet_left_at_the_end_fails_the_script()
    {
        PacketScript script = Opened();
        script.Write(10);
        Assert.That(Failure(script.Dispose), Does.Contain("The script ends here").And.Contain("seq 1:11"));
    }

    /// <summary>The same script gives the same packets at the same times, bit by bit.</summary>
    [Test]
    public void Runs_are_repeatable([Values] IPVersion version)
    {
        string Run()
        {
            using PacketScript script = new(version);
            script.Open(syn => syn.Mss(1000).Scale(7).SackPermitted());
            script.Write(50_000);
            script.Advance(30);
            script.Send(Tcp.Data(10, seq: 101).Window(1));
            script.Advance(300);
            script.TakeAll();
            return script.Transcript;
        }

        string first = Run();
        Assert.That(Run(), Is.EqualTo(first));
        Assert.That(first, Does.Contain(">"));
    }

    private static PacketScript Opened()
    {
        PacketScript script = new(IPVersion.V4);
        script.Open();
        return script;
    }

    /// <summary>The message of the failure that the line must have. It does not count as one of this test.</summary>
    private static string Failure(Action line)
    {
        using (new NUnit.Framework.Internal.TestExecutionContext.IsolatedContext())
        {
            try
            {
                line();
            }
            catch (AssertionException failure)
            {
                return failure.Message;
            }
        }

        Assert.Fail("The line should have failed.");
        return "";
    }
}
