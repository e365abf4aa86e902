using System.Net;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>Gives the applications' echo requests to the handler, and its answers to the stack.</summary>
/// <remarks>
/// The native stack queues them and bounds those that wait and those that are here together: a request counts until it was answered. Its one
/// event says that there are some; whoever takes them starts a handler call for each on a thread of its own, since a handler may block.
/// </remarks>
internal sealed class EchoRelay : IStackEndpoint
{
    private const int BatchSize = 16;
    private const int HeaderBytes = 8;

    private readonly DeviceContext _context;
    private readonly EchoHandler _handler;
    private readonly Func<LwipStack> _stack;
    private readonly CancellationTokenSource _lifetime = new();
    private readonly CancellationToken _ended;
    private int _news;

    public EchoRelay(DeviceContext context, EchoHandler handler, Func<LwipStack> stack)
    {
        _context = context;
        _handler = handler;
        _stack = stack;
        // The source may be disposed by the time somebody asks it for its token.
        _ended = _lifetime.Token;
    }

    public ulong Id => 0;

    void IStackEndpoint.Post(uint flags, int status) => Volatile.Write(ref _news, 1);

    void IStackEndpoint.Dispatch()
    {
        if (Interlocked.Exchange(ref _news, 0) == 0)
            return;
        _context.Work.Enter();
        ThreadPool.UnsafeQueueUserWorkItem(static self => self.Take(), this, preferLocal: false);
    }

    /// <summary>The device is closed: nobody waits for the answers any more.</summary>
    public void End() => _ = _context.CancelAndDisposeAsync(_lifetime);

    private void Take()
    {
        Span<nint> requests = stackalloc nint[BatchSize];
        int count;
        while ((count = _stack().ReceiveEchoes(requests)) > 0)
        {
            foreach (nint request in requests[..count])
            {
                _context.Work.Enter();
                ThreadPool.UnsafeQueueUserWorkItem(static one => _ = one.Relay.HandleAsync(one.Request), (Relay: this, Request: request), preferLocal: false);
            }
        }

        _context.Work.Exit();
    }

    private async Task HandleAsync(nint request)
    {
        EchoAnswer answer = EchoAnswer.None;
        try
        {
            if (!_ended.IsCancellationRequested)
                answer = await AskAsync(Read(request)).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // What ends with the device is nobody's failure.
            if (!_ended.IsCancellationRequested)
            {
                Interlocked.Increment(ref _context.Counters.EchoFailures);
                NetworkError error = _context.Report(exception);
                LwipLog.EchoFailed(_context.Log, error, exception);
            }
        }
        finally
        {
            _stack().AnswerEcho(request, ToRefusal(answer));
            _context.Work.Exit();
        }
    }

    private async Task<EchoAnswer> AskAsync(EchoRequest request)
    {
        using CallLimit limit = new(_context, _context.Options.EchoTimeout);
        using CancellationTokenRegistration link = _ended.UnsafeRegister(static self => ((CallLimit)self!).Cancel(), limit);
        Interlocked.Increment(ref _context.Counters.EchoRequests);
        return await _context.AwaitAsync(_handler(request, limit.Token), limit).ConfigureAwait(false);
    }

    /// <summary>The native filter lets no options and no extension headers through: everything has its place.</summary>
    private static unsafe EchoRequest Read(nint request)
    {
        TfDatagram* datagram = (TfDatagram*)request;
        ReadOnlySpan<byte> packet = new(datagram->Data, (int)datagram->Length);
        bool v4 = datagram->Destination.Family == 4;
        int header = v4 ? 20 : 40;
        int address = v4 ? 4 : 16;
        ReadOnlySpan<byte> echo = packet[header..];
        return new EchoRequest(
            new IPAddress(packet.Slice(header - (2 * address), address)),
            new IPAddress(packet.Slice(header - address, address)),
            (echo[4] << 8) | echo[5],
            (echo[6] << 8) | echo[7],
            packet[v4 ? 8 : 7],
            echo[HeaderBytes..].ToArray());
    }

    private static TfRefusal ToRefusal(EchoAnswer answer) => answer.Verdict switch
    {
        EchoVerdict.Reply => TfRefusal.Not,
        EchoVerdict.Unreachable when Refusals.From(answer.Error) is var refusal and not TfRefusal.Reset => refusal,
        EchoVerdict.Unreachable => TfRefusal.HostUnreachable,
        _ => TfRefusal.Silent,
    };
}
