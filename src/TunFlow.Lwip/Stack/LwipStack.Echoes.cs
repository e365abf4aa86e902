using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <content>Echo requests that the application answers.</content>
internal sealed unsafe partial class LwipStack
{
    /// <summary>Takes waiting requests, oldest first; each needs one <see cref="AnswerEcho"/>.</summary>
    public int ReceiveEchoes(Span<nint> requests)
    {
        if (!TryEnter())
            return 0;
        int count;
        fixed (nint* pointer = requests)
            count = NativeMethods.tf_echo_receive(_index, (TfDatagram**)pointer, (uint)requests.Length);
        _gate.Exit();
        return Math.Max(0, count);
    }

    /// <summary>Answers a request and frees it, also when the stack is gone.</summary>
    public void AnswerEcho(nint request, TfRefusal refusal)
    {
        if (!TryEnter())
        {
            NativeMethods.tf_datagram_free((TfDatagram*)request);
            return;
        }

        _ = NativeMethods.tf_echo_answer(_index, _now, (TfDatagram*)request, (uint)refusal);
        Leave();
    }
}
