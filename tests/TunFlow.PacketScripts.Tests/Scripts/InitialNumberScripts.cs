using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.Scripts;

/// <summary>RFC 6528: initial sequence numbers from a clock and a secret.</summary>
[Weakness(26)]
public sealed class InitialNumberScripts : ScriptFixture
{
    public InitialNumberScripts(IPVersion version)
        : base(version)
    {
    }

    [Test]
    public void Same_endpoints_get_a_later_number_by_the_clock_of_4_microseconds()
    {
        using PacketScript script = NewScript();
        Conversation previous = OpenAndAbort(script, 5000);
        foreach (double seconds in (double[])[0.001, 0.5, 1, 10, 100])
        {
            script.Advance(seconds);
            Conversation next = OpenAndAbort(script, 5000);
            Assert.That(next.StackInitial - previous.StackInitial, Is.EqualTo((uint)(seconds * 250_000)).Within(1), $"after {seconds} s");
            previous = next;
        }
    }

    [Test]
    public void Numbers_of_other_endpoints_are_unrelated()
    {
        using PacketScript script = NewScript();
        uint[] numbers = [.. Enumerable.Range(0, 90).Select(i => OpenAndAbort(script, 5000 + i).StackInitial)];
        Assert.That(numbers, Is.Unique);
        uint[] steps = [.. numbers.Zip(numbers.Skip(1), (a, b) => b - a)];
        Assert.Multiple(() =>
        {
            Assert.That(steps, Is.Unique, "a constant step would tell the next number");
            Assert.That(numbers.Select(n => n >> 28).Distinct().Count(), Is.GreaterThanOrEqualTo(12), "of 16 sixteenths of the space");
            Assert.That(steps.Count(s => s < 1_000_000 || s > uint.MaxValue - 1_000_000), Is.LessThanOrEqualTo(1), "near neighbours");
        });
    }

    [Test]
    public void Numbers_depend_on_the_secret()
    {
        uint[] numbers = [.. Enumerable.Range(0, 8).Select(bit =>
        {
            using PacketScript script = NewScript((ref TfConfig c) => c.Secret[15] ^= (byte)(1 << bit));
            return OpenAndAbort(script, 5000).StackInitial;
        })];
        Assert.That(numbers, Is.Unique);
        Assert.That(numbers.Select(n => n >> 24).Distinct().Count(), Is.GreaterThanOrEqualTo(6), "one bit of the secret changes them all over");
    }

    [Test]
    public void Same_secret_and_time_give_the_same_number()
    {
        uint Number()
        {
            using PacketScript script = NewScript();
            return OpenAndAbort(script, 5000).StackInitial;
        }

        uint first = Number();
        Assert.That(Number(), Is.EqualTo(first));
    }

    private static Conversation OpenAndAbort(PacketScript script, int port)
    {
        Conversation conversation = script.NewConversation(port);
        script.Open(of: conversation);
        script.Abort(conversation);
        script.Expect(Tcp.RstAck(seq: 1, ack: 1));
        script.Close(of: conversation);
        return conversation;
    }
}
