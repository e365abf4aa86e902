using System.Net;
using NUnit.Framework.Internal;
using TunFlow.Interop;

namespace TunFlow.PacketScripts.Language;

/// <summary>Changes the stack's configuration before it is created.</summary>
internal delegate void ConfigureStack(ref TfConfig config);

/// <summary>
/// A conversation with the native stack, line by line: send a packet, expect one, call, wait. One thread, and time that
/// moves only when the script says so, so that a run is exactly repeatable. Every packet of the stack must be expected,
/// in order; at the end nothing may be left: no packet, no flow, no byte, no failed assertion of lwIP.
/// </summary>
internal sealed partial class PacketScript : IDisposable
{
    /// <summary>Where the application's numbers start: they wrap after 300 bytes.</summary>
    public const uint ApplicationInitial = uint.MaxValue - 299;

    private const ulong Start = 1_000_000_000;

    private readonly NativeStack _stack;
    private readonly List<Conversation> _conversations = [];
    private readonly Queue<ReceivedPacket> _unexpected = new();
    private readonly Dictionary<ulong, Conversation> _flows = [];
    private readonly List<ulong> _sessions = [];
    private readonly ulong _baseBytes;
    private ulong _now = Start;
    private bool _failed;
    private int _nextPort = 40_000;

    public PacketScript(IPVersion version, ConfigureStack? configure = null)
    {
        Version = version;
        TfConfig config = NativeStack.DefaultConfig();
        configure?.Invoke(ref config);
        _stack = new NativeStack(config, _now);
        Main = NewConversation();
        _baseBytes = _stack.Statistics().NativeBytes;
    }

    public IPVersion Version { get; }

    /// <summary>The conversation that calls without one mean.</summary>
    public Conversation Main { get; set; }

    public TfConfig Config => _stack.Config;

    public TfStats Statistics => _stack.Statistics();

    /// <summary>Virtual time since the script began.</summary>
    public TimeSpan Now => TimeSpan.FromMicroseconds(_now - Start);

    /// <summary>When the stack has something to do next, or null: it has no timer.</summary>
    public TimeSpan? Deadline =>
        _stack.Deadline() is var at && at == NativeMethods.TF_NO_DEADLINE ? null : TimeSpan.FromMicroseconds(at - Start);

    public int IPHeader => Version == IPVersion.V4 ? 20 : 40;

    /// <summary>The largest segment of an MTU.</summary>
    public int MssOf(int mtu) => mtu - IPHeader - 20;

    /// <summary>Another pair of endpoints. The application's port is the next one, if none is given.</summary>
    public Conversation NewConversation(int? port = null, string? remote = null, int remotePort = 80)
    {
        bool v4 = Version == IPVersion.V4;
        Conversation conversation = new(
            new IPEndPoint(IPAddress.Parse(v4 ? "10.0.0.2" : "fd00::2"), port ?? _nextPort++),
            new IPEndPoint(IPAddress.Parse(remote ?? (v4 ? "198.51.100.80" : "2001:db8::80")), remotePort),
            ApplicationInitial);
        // The newest of the same endpoints comes first.
        _conversations.Insert(0, conversation);
        return conversation;
    }

    /// <summary>Lets time pass. What is due on the way happens at its exact time.</summary>
    public void Advance(double seconds)
    {
        Note(".", $"advance {seconds} s");
        AdvanceTo(_now + (ulong)Math.Round(seconds * 1_000_000), () => false);
    }

    /// <summary>A jump, as of a machine that slept: everything that is due runs once, late.</summary>
    public void Jump(double seconds)
    {
        Note(".", $"jump {seconds} s");
        _now += (ulong)Math.Round(seconds * 1_000_000);
        _stack.Tick(_now);
        Pump();
    }

    public TfStatus SetMtu(int mtu) => _stack.SetMtu((uint)mtu);

    /// <summary>Ends the script: everything is closed, and what is left over fails it.</summary>
    public void Dispose()
    {
        try
        {
            // A failure that is under way is the one to report.
            if (!_failed && TestExecutionContext.CurrentContext.CurrentResult.AssertionResults.Count == 0)
                Finish();
        }
        finally
        {
            _stack.Dispose();
        }
    }

    private void Finish()
    {
        if (_unexpected.Count > 0)
            Fail("The script ends here.", "a packet that was not expected: " + _unexpected.Peek());
        foreach (ulong id in _flows.Keys)
        {
            _stack.Abort(_now, id);
            _stack.Close(_now, id, 0);
        }

        foreach (ulong id in _sessions)
            _stack.CloseSession(id);
        Pump();
        // TIME_WAIT, fragments and orphans go with time.
        ulong longest = _now + 300_000_000;
        AdvanceTo(longest, () => _stack.Deadline() == NativeMethods.TF_NO_DEADLINE);
        TfStats stats = _stack.Statistics();
        Assert.Multiple(() =>
        {
            Assert.That(stats.Asserts, Is.Zero, "failed assertions of lwIP");
            Assert.That(stats.Flows, Is.Zero, "flows left");
            Assert.That(stats.Sessions, Is.Zero, "sessions left");
            Assert.That(stats.OutputEntries, Is.Zero, "packets left");
            Assert.That(stats.NativeBytes, Is.EqualTo(_baseBytes), "native bytes left");
            Assert.That(_stack.Deadline(), Is.EqualTo(NativeMethods.TF_NO_DEADLINE), "a timer of an idle stack");
        });
    }

    private void AdvanceTo(ulong end, Func<bool> isEnough)
    {
        while (!isEnough())
        {
            ulong next = _stack.Deadline();
            if (next > end)
            {
                _now = end;
                _stack.Tick(_now);
                Pump();
                return;
            }

            _now = Math.Max(_now, next);
            _stack.Tick(_now);
            Pump();
        }
    }

    /// <summary>Takes what the stack has put out, and what it reports.</summary>
    private void Pump()
    {
        foreach (TfEvent item in _stack.TakeEvents())
            OnEvent(item);
        foreach (byte[] bytes in _stack.TakeOutput(_now))
        {
            ParsedPacket parsed = ParsedPacket.Parse(bytes);
            Conversation? conversation = parsed is { Protocol: PacketBuilder.Tcp, IsFragment: false }
                ? _conversations.Find(c => c.Matches(parsed))
                : null;
            conversation?.OnPacket(parsed);
            ReceivedPacket packet = new(parsed, Now, conversation);
            _unexpected.Enqueue(packet);
            Note(">", packet);
        }
    }
}
