using TunFlow.Interop;
using TunFlow.PacketScripts.Language;

namespace TunFlow.PacketScripts.StateMachine;

/// <summary>Brings a script's main conversation into a state, and sees which state it is in.</summary>
internal sealed class Situation
{
    private const int ReceiveWindow = 16 * 1024;
    private const int ApplicationWindow = 8192;
    private const int Flight = 100;

    private readonly PacketScript _script;
    private readonly int _readableBefore;
    private bool _hasShutDown;

    private Situation(PacketScript script, TcpState state)
    {
        _script = script;
        Conversation main = script.Main;
        main.Window = ApplicationWindow;
        Reach(state);
        _hasShutDown = state is TcpState.FinWait1 or TcpState.FinWait2 or TcpState.Closing or TcpState.LastAck or TcpState.TimeWait;
        script.ExpectNothing();
        bool hasFlight = state is not (TcpState.FinWait2 or TcpState.TimeWait);
        bool isOpen = StateNames.HasNumbers(state) || state == TcpState.TimeWait;
        Tcb = new Tcb(state)
        {
            MaxSndWnd = ApplicationWindow,
            SndNxt = main.NextExpected,
            SndUna = state == TcpState.SynReceived ? 0 : hasFlight && isOpen ? 1 : main.NextExpected,
            RcvNxt = main.NextToSend,
            RcvWnd = isOpen ? main.RightEdge - main.NextToSend : 0,
        };
        script.Peek(out byte[] bytes, out _);
        _readableBefore = bytes.Length;
    }

    public Tcb Tcb { get; }

    public static Situation Create(PacketScript script, TcpState state) => new(script, state);

    /// <summary>The window is the smallest, so that its middle and edges are near; no budget comes into play.</summary>
    public static void Configure(ref TfConfig config) => config.ReceiveWindow = ReceiveWindow;

    /// <summary>Makes the call and looks at what became of it.</summary>
    public UserOutcome Make(UserCall call)
    {
        _script.Main.Events = 0;
        string result = Result(call);
        _hasShutDown |= call == UserCall.Close && result == UserOutcome.Ok;
        List<string> packets = [.. _script.TakeAll().Select(p => UserOutcome.Name(p, Tcb))];
        _script.Peek(out _, out bool isEnd);
        TcpState state = Observe(isEnd);
        return new UserOutcome(result, string.Join(", ", packets), state == Tcb.State ? null : state);
    }

    /// <summary>Sends the segment and looks at what became of it.</summary>
    public Outcome Send(Arrival arrival)
    {
        _script.Main.Events = 0;
        uint sent = _script.Main.NextToSend;
        _script.Send(arrival.Template);
        _script.Main.NextToSend = sent;
        IReadOnlyList<ReceivedPacket> answers = _script.TakeAll();
        Reply? reply = answers.Count > 0 ? new Reply(answers[0].Parsed.Flags & ~TcpFlags.Psh, answers[0].Seq, answers[0].Ack) : null;
        int text = TakeText(out bool isEnd);
        TcpState state = Observe(isEnd);
        return new Outcome(reply, state, StateNames.HasNumbers(state) ? OldestUnacknowledged() : null, text)
        {
            FurtherReplies = Math.Max(0, answers.Count - 1),
        };
    }

    private string Result(UserCall call)
    {
        switch (call)
        {
            case UserCall.Open:
                return UserOutcome.Of(_script.Accept());
            case UserCall.Send:
                return UserOutcome.Of((TfStatus)Math.Min(0, _script.Write(Flight)));
            case UserCall.Close:
                return UserOutcome.Of(_script.Shutdown());
            case UserCall.Abort:
                return UserOutcome.Of(_script.Abort());
            case UserCall.Status:
                return UserOutcome.Of(_script.Details(out _));
            default:
                TfStatus status = _script.Peek(out byte[] bytes, out bool isEnd);
                return status != TfStatus.Ok ? UserOutcome.Of(status) : isEnd ? "end" : bytes.Length > 0 ? "text" : "nothing yet";
        }
    }

    private int TakeText(out bool isEnd)
    {
        _script.Peek(out byte[] bytes, out isEnd);
        if (Tcb.State == TcpState.ZeroWindow || bytes.Length == 0)
            return bytes.Length - _readableBefore;
        _script.Read(bytes.Length);
        // Reading opens the window; that is the reader's doing.
        _script.TakeAll();
        _script.Peek(out _, out isEnd);
        return bytes.Length;
    }

    private TcpState Observe(bool isEnd)
    {
        TfStats stats = _script.Statistics;
        if (stats.FlowsPending > 0)
            return TcpState.Pending;
        if (stats.FlowsHalfOpen > 0)
            return TcpState.SynReceived;
        if (stats.FlowsTimeWait > 0)
            return TcpState.TimeWait;
        if (Tcb.State is TcpState.Listen or TcpState.Closed)
            return Tcb.State;
        // TIME-WAIT was reported as the end; there is no second event.
        if (Tcb.State == TcpState.TimeWait)
            return TcpState.Closed;
        TfEventFlags events = _script.Main.Events;
        if ((events & TfEventFlags.Closed) != 0)
            return TcpState.Closed;
        if (!_hasShutDown)
            return isEnd ? TcpState.CloseWait : Tcb.State == TcpState.ZeroWindow ? TcpState.ZeroWindow : TcpState.Established;
        bool isAcked = (events & TfEventFlags.Drained) != 0 || Tcb.State == TcpState.FinWait2;
        if (isAcked)
            return TcpState.FinWait2;
        return !isEnd ? TcpState.FinWait1 : Tcb.State is TcpState.LastAck or TcpState.CloseWait ? TcpState.LastAck : TcpState.Closing;
    }

    private uint OldestUnacknowledged()
    {
        _script.Details(out TfFlowDetails details);
        return Tcb.SndNxt - details.SendQueue;
    }

    private void Reach(TcpState state)
    {
        switch (state)
        {
            case TcpState.Listen:
                return;
            case TcpState.Pending:
                _script.Send(Tcp.Syn(seq: 0));
                return;
            case TcpState.SynReceived:
                _script.Send(Tcp.Syn(seq: 0));
                _script.Accept();
                _script.Expect(Tcp.SynAck(ack: 1));
                return;
            case TcpState.ZeroWindow:
                _script.Open();
                FillWindow();
                Write();
                return;
            case TcpState.Closed:
                _script.Open();
                _script.Abort();
                _script.Expect(Tcp.RstAck());
                return;
        }

        _script.Open();
        Write();
        if (state is TcpState.CloseWait or TcpState.LastAck)
        {
            _script.Send(Tcp.Fin(ack: 1));
            _script.Expect(Tcp.Ack(ack: 2));
        }

        if (state is TcpState.Established or TcpState.CloseWait)
            return;
        _script.Shutdown();
        _script.Expect(Tcp.Fin(seq: 1 + Flight));
        if (state is TcpState.Closing)
        {
            _script.Send(Tcp.Fin(ack: 1));
            _script.Expect(Tcp.Ack(ack: 2));
        }

        if (state is TcpState.FinWait2 or TcpState.TimeWait)
            _script.Send(Tcp.Ack());
        if (state == TcpState.TimeWait)
        {
            _script.Send(Tcp.Fin());
            _script.Expect(Tcp.Ack(ack: 2));
        }
    }

    private void Write()
    {
        _script.Write(Flight);
        _script.Expect(Tcp.Data(Flight, seq: 1));
    }

    private void FillWindow()
    {
        for (int left = ReceiveWindow; left > 0; left -= 1024)
        {
            _script.Send(Tcp.Data(1024, ack: 1));
            _script.TakeAll();
        }

        // The last ones may have been acknowledged by the timer.
        _script.Advance(0.3);
        _script.TakeAll();
        _script.Require(_script.Main.RightEdge == _script.Main.NextToSend, "a closed window", $"an edge at {_script.Main.RightEdge}");
    }
}
