using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <content>Operations on UDP sessions. Results are counts or a negative <see cref="NativeStatus"/>.</content>
internal sealed unsafe partial class LwipStack
{
    public int Receive(LwipSession session, Span<nint> datagrams)
    {
        if (!TryEnter())
            return NativeStatus.Stale;
        int result;
        fixed (nint* pointer = datagrams)
            result = NativeMethods.tf_session_receive(_index, session.Id, (TfDatagram**)pointer, (uint)datagrams.Length);
        _gate.Exit();
        return result;
    }

    public int Send(LwipSession session, in TfEndpoint source, ReadOnlySpan<byte> payload)
    {
        if (!TryEnter())
            return NativeStatus.Stale;
        int result;
        fixed (byte* pointer = payload)
        fixed (TfEndpoint* from = &source)
        {
            byte nothing;
            result = NativeMethods.tf_session_send(
                _index, _now, session.Id, from, pointer is null ? &nothing : pointer, (uint)payload.Length);
        }

        Leave();
        return result;
    }

    public void RefuseDatagram(LwipSession session, TfDatagram* datagram, TfRefusal refusal)
    {
        if (!TryEnter())
            return;
        _ = NativeMethods.tf_session_refuse(_index, _now, session.Id, datagram, (uint)refusal);
        Leave();
    }

    /// <summary>Tells the application that nobody is reached at <paramref name="destination"/>, without a datagram to quote.</summary>
    public void RefuseRemote(LwipSession session, in TfEndpoint destination, TfRefusal refusal)
    {
        if (!TryEnter())
            return;
        fixed (TfEndpoint* to = &destination)
            _ = NativeMethods.tf_session_refuse_remote(_index, _now, session.Id, to, (uint)refusal);
        Leave();
    }

    public void SetIdle(LwipSession session, TimeSpan idle)
    {
        if (!TryEnter())
            return;
        _ = NativeMethods.tf_session_set_idle(_index, _now, session.Id, StackClock.ToMicroseconds(idle));
        Leave();
    }

    /// <summary>Closes the session unless datagrams wait in it; looking and closing are one step, so that none is lost between them.</summary>
    public bool TryCloseEmpty(LwipSession session, out nint datagram)
    {
        datagram = 0;
        if (!TryEnter())
            return true;
        TfDatagram* waiting;
        bool empty = NativeMethods.tf_session_receive(_index, session.Id, &waiting, 1) <= 0;
        if (empty)
            CloseLocked(session);
        else
            datagram = (nint)waiting;
        Leave();
        return empty;
    }

    public void Close(LwipSession session)
    {
        if (!TryEnter())
            return;
        CloseLocked(session);
        Leave();
    }

    private void CloseLocked(LwipSession session)
    {
        if (_sessions.Remove(session))
            _ = NativeMethods.tf_session_close(_index, session.Id);
    }
}
