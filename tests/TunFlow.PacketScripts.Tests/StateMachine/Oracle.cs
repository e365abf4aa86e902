namespace TunFlow.PacketScripts.StateMachine;

/// <summary>
/// RFC 9293 3.10.7 (SEGMENT ARRIVES), with the checks of RFC 5961 sections 3, 4 and 5 where they replace it. Written from
/// the text, step by step, without a look at what the stack does. Where the text leaves a choice there are two answers.
/// </summary>
internal static class Oracle
{
    public static IReadOnlyList<Outcome> Permitted(Tcb tcb, Arrival seg) => tcb.State switch
    {
        TcpState.Listen or TcpState.Closed => [Listen(tcb, seg)],
        TcpState.Pending => [Pending(tcb, seg)],
        _ => Synchronized(tcb, seg),
    };

    /// <summary>3.10.7.2.</summary>
    private static Outcome Listen(Tcb tcb, Arrival seg)
    {
        // First, a RST is ignored. Second, an ACK is bad: <SEQ=SEG.ACK><CTL=RST>.
        if (seg.Kind == SegmentKind.Rst)
            return Unchanged(tcb, null);
        if (seg.Ack is { } ack)
            return Unchanged(tcb, new Reply(TcpFlags.Rst, ack, 0));
        // Third, a SYN: here it waits for the dial. Fourth, anything else is dropped.
        return seg.Kind == SegmentKind.Syn ? new Outcome(null, TcpState.Pending, null, 0) : Unchanged(tcb, null);
    }

    /// <summary>
    /// No state of the RFC: LISTEN, as long as the SYN that has arrived is not processed. What would have ended the
    /// handshake ends it: a RST at RCV.NXT. A SYN is of the same or of a new attempt and waits as well.
    /// </summary>
    private static Outcome Pending(Tcb tcb, Arrival seg)
    {
        if (seg.Kind == SegmentKind.Rst)
            return seg.Seq == tcb.RcvNxt ? new Outcome(null, TcpState.Closed, null, 0) : Unchanged(tcb, null);
        return Unchanged(tcb, seg.Ack is { } ack ? new Reply(TcpFlags.Rst, ack, 0) : null);
    }

    /// <summary>3.10.7.4: all states from SYN-RECEIVED on.</summary>
    private static Outcome[] Synchronized(Tcb tcb, Arrival seg)
    {
        Reply answer = new(TcpFlags.Ack, tcb.SndNxt, tcb.RcvNxt);
        // 3.6.1: a SYN beyond everything received MAY reopen a connection in TIME-WAIT (MAY-2).
        if (tcb.State == TcpState.TimeWait && seg is { Kind: SegmentKind.Syn, Ack: null } && Signed(seg.Seq - tcb.RcvNxt) > 0)
            return [Unchanged(tcb, answer), new Outcome(null, TcpState.Pending, null, 0)];
        // First, the sequence number.
        if (!IsAcceptable(tcb, seg))
        {
            if (seg.Kind == SegmentKind.Rst)
                return [Unchanged(tcb, null)];
            // "If the RCV.WND is zero, ... special allowance should be made to accept valid ACKs."
            return tcb.RcvWnd == 0 && seg.Seq == tcb.RcvNxt && seg.Kind != SegmentKind.Syn && IsAckInRange(tcb, seg)
                ? [Unchanged(tcb, answer), Unchanged(tcb, answer) with { SndUna = Later(tcb.SndUna, seg.Ack!.Value) }]
                : [Unchanged(tcb, answer)];
        }

        // Second, the RST bit: RFC 5961 3.2. In SYN-RECEIVED of a passive open the connection returns to LISTEN.
        if (seg.Kind == SegmentKind.Rst)
            return [seg.Seq == tcb.RcvNxt ? new Outcome(null, TcpState.Closed, null, 0) : Unchanged(tcb, answer)];

        // Fourth, the SYN bit: RFC 5961 4.2. In SYN-RECEIVED of a passive open: return to LISTEN.
        if (seg.Kind == SegmentKind.Syn)
            return [tcb.State == TcpState.SynReceived ? new Outcome(null, TcpState.Closed, null, 0) : Unchanged(tcb, answer)];

        // "Segments with higher beginning sequence numbers SHOULD be held for later processing": their ACK may be, too.
        if (Signed(seg.Seq - tcb.RcvNxt) > 0)
            return Held(tcb, seg, answer);
        return [InOrder(tcb, seg, answer)];
    }

    /// <summary>The four cases of table 6 (3.4).</summary>
    private static bool IsAcceptable(Tcb tcb, Arrival seg)
    {
        if (tcb.RcvWnd == 0)
            return seg.Span == 0 && seg.Seq == tcb.RcvNxt;
        if (IsInWindow(tcb, seg.Seq))
            return true;
        return seg.Span > 0 && IsInWindow(tcb, seg.Seq + seg.Span - 1);
    }

    private static bool IsInWindow(Tcb tcb, uint number) => number - tcb.RcvNxt < tcb.RcvWnd;

    /// <summary>RFC 5961 5.2: SND.UNA - MAX.SND.WND =&lt; SEG.ACK =&lt; SND.NXT.</summary>
    private static bool IsAckInRange(Tcb tcb, Arrival seg) =>
        seg.Ack is { } ack && Signed(ack - (tcb.SndUna - tcb.MaxSndWnd)) >= 0 && Signed(tcb.SndNxt - ack) >= 0;

    private static Outcome[] Held(Tcb tcb, Arrival seg, Reply answer)
    {
        // RFC 5681 4.2: a segment above a gap is acknowledged at once. After a FIN nothing can be above it: no rule.
        List<Reply?> replies = [];
        if (seg.Span > 0)
            replies.Add(answer);
        if (seg.Span == 0 || StateNames.HasEnded(tcb.State))
            replies.Add(null);
        List<Outcome> outcomes = [.. replies.Select(r => Unchanged(tcb, r))];
        // Or the ACK is processed now.
        Outcome now = InOrder(tcb, new Arrival(SegmentKind.Bare, seg.SequenceName, tcb.RcvNxt, seg.AckName, seg.Ack), answer);
        outcomes.AddRange(now.Reply is null ? replies.Select(r => now with { Reply = r }) : [now]);
        // Without an ACK there is nothing to hold: it will be dropped (fifth).
        if (seg.Ack is null)
            outcomes.Add(Unchanged(tcb, null));
        return [.. outcomes.Distinct()];
    }

    private static Outcome InOrder(Tcb tcb, Arrival seg, Reply answer)
    {
        // Fifth, the ACK field.
        if (seg.Ack is not { } ack)
            return Unchanged(tcb, null);
        TcpState state = tcb.State;
        if (state == TcpState.SynReceived)
        {
            if (Signed(ack - tcb.SndUna) <= 0 || Signed(tcb.SndNxt - ack) < 0)
                return Unchanged(tcb, new Reply(TcpFlags.Rst, ack, 0));
            state = TcpState.Established;
        }
        else if (!IsAckInRange(tcb, seg))
        {
            return Unchanged(tcb, answer);
        }

        uint una = Later(tcb.SndUna, ack);
        bool isFinAcked = una == tcb.SndNxt;
        switch (state)
        {
            case TcpState.FinWait1 when isFinAcked:
                state = TcpState.FinWait2;
                break;
            case TcpState.Closing:
                // "Otherwise, ignore the segment."
                return isFinAcked ? new Outcome(null, TcpState.TimeWait, null, 0) : new Outcome(null, state, una, 0);
            case TcpState.LastAck when isFinAcked:
                return new Outcome(null, TcpState.Closed, null, 0);
        }

        return TextAndFin(tcb, seg, state, una);
    }

    private static Outcome TextAndFin(Tcb tcb, Arrival seg, TcpState state, uint una)
    {
        uint next = tcb.RcvNxt;
        int text = 0;
        Reply? reply = null;
        // Seventh, the text, from RCV.NXT on.
        if (state is TcpState.Established or TcpState.ZeroWindow or TcpState.FinWait1 or TcpState.FinWait2)
        {
            text = Math.Max(0, seg.Length - (int)(tcb.RcvNxt - seg.Seq));
            next += (uint)text;
        }

        // Eighth, the FIN: "advance RCV.NXT over the FIN, and send an acknowledgment for the FIN".
        if (seg.IsFin)
        {
            next = seg.Seq + seg.Span;
            state = state switch
            {
                TcpState.Established => TcpState.CloseWait,
                TcpState.FinWait1 => TcpState.Closing,
                TcpState.FinWait2 => TcpState.TimeWait,
                _ => state,
            };
        }

        if (next != tcb.RcvNxt)
            reply = new Reply(TcpFlags.Ack, tcb.SndNxt, next);
        return new Outcome(reply, state, StateNames.HasNumbers(state) ? una : null, text);
    }

    private static Outcome Unchanged(Tcb tcb, Reply? reply) =>
        new(reply, tcb.State, StateNames.HasNumbers(tcb.State) ? tcb.SndUna : null, 0);

    private static uint Later(uint left, uint right) => Signed(right - left) > 0 ? right : left;

    private static int Signed(uint difference) => (int)difference;
}
