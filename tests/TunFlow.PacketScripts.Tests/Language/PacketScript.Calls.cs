using System.Net;
using System.Text;
using TunFlow.Interop;

namespace TunFlow.PacketScripts.Language;

/// <content>The calls of the side above the stack, and its events.</content>
internal sealed partial class PacketScript
{
    /// <summary>Datagrams that arrived, oldest first.</summary>
    public Queue<byte[]> Datagrams { get; } = new();

    public TfStatus Accept(Conversation? of = null) => Call(of, "accept", id => _stack.Accept(_now, id));

    public TfStatus Refuse(TfRefusal refusal, Conversation? of = null)
    {
        TfStatus status = Call(of, $"refuse {refusal}", id => _stack.Refuse(_now, id, refusal));
        if (status == TfStatus.Ok)
            _flows.Remove((of ?? Main).Id);
        return status;
    }

    /// <summary>Writes bytes of the stream's pattern. Returns how many were taken, or a status below zero.</summary>
    public int Write(int length, Conversation? of = null)
    {
        Conversation conversation = of ?? Main;
        return Write(Pattern.FromStack(conversation.BytesWritten, length), conversation);
    }

    public int Write(byte[] bytes, Conversation? of = null)
    {
        Conversation conversation = of ?? Main;
        int taken = _stack.Write(_now, conversation.Id, bytes);
        conversation.BytesWritten += (uint)Math.Max(taken, 0);
        Note(".", $"{Text(conversation)}write {bytes.Length}: {(taken < 0 ? (TfStatus)taken : taken)}");
        Pump();
        return taken;
    }

    public TfStatus Shutdown(Conversation? of = null) => Call(of, "shutdown", id => _stack.Shutdown(_now, id));

    public TfStatus Abort(Conversation? of = null) => Call(of, "abort", id => _stack.Abort(_now, id));

    /// <summary>Gives the flow's id back.</summary>
    public TfStatus Close(double linger = 0, Conversation? of = null)
    {
        TfStatus status = Call(of, $"close, linger {linger} s", id => _stack.Close(_now, id, (ulong)(linger * 1_000_000)));
        _flows.Remove((of ?? Main).Id);
        return status;
    }

    /// <summary>What can be read, without taking it.</summary>
    public TfStatus Peek(out byte[] bytes, out bool isEnd, Conversation? of = null) =>
        _stack.Receive((of ?? Main).Id, out bytes, out isEnd);

    public TfStatus Details(out TfFlowDetails details, Conversation? of = null) => _stack.Details((of ?? Main).Id, out details);

    /// <summary>Reads bytes of the stream's pattern: exactly so many must be there.</summary>
    public void Read(int length, Conversation? of = null)
    {
        Conversation conversation = of ?? Main;
        Read(Pattern.FromApplication(conversation.BytesRead, length), length, conversation);
    }

    public void Read(string text, Conversation? of = null) => Read(Encoding.ASCII.GetBytes(text), text.Length, of ?? Main);

    /// <summary>Takes the first so many of the readable bytes, which must be of the pattern.</summary>
    public void ReadSome(int length, Conversation? of = null)
    {
        Conversation conversation = of ?? Main;
        Read(Pattern.FromApplication(conversation.BytesRead, length), length, conversation, all: false);
    }

    /// <summary>The stream has ended: nothing is left to read.</summary>
    public void ReadEnd(Conversation? of = null)
    {
        TfStatus status = Peek(out byte[] bytes, out bool isEnd, of);
        Note(".", $"{Text(of ?? Main)}read: {(isEnd ? "end" : status)}");
        if (status != TfStatus.Ok || !isEnd || bytes.Length != 0)
            Fail("the end of the stream", $"{status}, {bytes.Length} bytes");
    }

    /// <summary>The handshake from the SYN to the third segment, with these options of the application.</summary>
    public void Open(Func<TcpTemplate, TcpTemplate>? syn = null, Conversation? of = null)
    {
        Conversation conversation = of ?? Main;
        TcpTemplate first = Tcp.Syn(seq: 0);
        Send(syn is null ? first : syn(first), conversation);
        ExpectEvent(TfEventFlags.Connect, conversation);
        Require(Accept(conversation) == TfStatus.Ok, "the flow accepted", "it is not");
        Expect(Tcp.SynAck(seq: 0, ack: 1));
        Send(Tcp.Ack(ack: 1, seq: 1), conversation);
        ExpectEvent(TfEventFlags.Open, conversation);
        ExpectNothing();
    }

    /// <summary>The stack has reported this, and it is taken.</summary>
    public void ExpectEvent(TfEventFlags flags, Conversation? of = null)
    {
        Conversation conversation = of ?? Main;
        if ((conversation.Events & flags) != flags)
            Fail($"event {flags}", conversation.Events == 0 ? "there is none" : $"only {conversation.Events}");
        conversation.Events &= ~flags;
    }

    /// <summary>The stack has not reported this.</summary>
    public void ExpectNoEvent(TfEventFlags flags, Conversation? of = null)
    {
        if (((of ?? Main).Events & flags) != 0)
            Fail($"no event {flags}", $"{(of ?? Main).Events}");
    }

    public void ExpectClosed(TfStatus status, Conversation? of = null)
    {
        ExpectEvent(TfEventFlags.Closed, of);
        if ((of ?? Main).ClosedStatus != status)
            Fail($"closed with {status}", $"with {(of ?? Main).ClosedStatus}");
    }

    private void Read(byte[] expected, int length, Conversation conversation, bool all = true)
    {
        TfStatus status = Peek(out byte[] bytes, out _, conversation);
        Note(".", $"{Text(conversation)}read {length} of {bytes.Length}: {status}");
        if (status != TfStatus.Ok || (all ? bytes.Length != length : bytes.Length < length))
            Fail($"{length} bytes to read", $"{bytes.Length} bytes, {status}");
        int same = bytes.AsSpan().CommonPrefixLength(expected);
        if (same < length)
            Fail($"byte {expected[same]} at {same}", $"{bytes[same]}; in text: {Encoding.ASCII.GetString(bytes)}");
        conversation.BytesRead += (uint)length;
        _stack.Consume(_now, conversation.Id, length);
        Pump();
    }

    private TfStatus Call(Conversation? of, string what, Func<ulong, TfStatus> call)
    {
        Conversation conversation = of ?? Main;
        TfStatus status = call(conversation.Id);
        Note(".", $"{Text(conversation)}{what}: {status}");
        Pump();
        return status;
    }

    private void OnEvent(TfEvent item)
    {
        TfEventFlags flags = (TfEventFlags)item.Flags;
        if ((item.Id & (1ul << 56)) != 0)
        {
            OnSession(item, flags);
            return;
        }

        if (!_flows.TryGetValue(item.Id, out Conversation? conversation))
        {
            _stack.Details(item.Id, out TfFlowDetails details);
            IPEndPoint source = ToEndPoint(details.Source);
            IPEndPoint destination = ToEndPoint(details.Destination);
            conversation = _conversations.Find(c => c.Application.Equals(source) && c.Remote.Equals(destination));
            Assert.That(conversation, Is.Not.Null, $"a flow from {source} to {destination}");
            conversation!.Id = item.Id;
            _flows.Add(item.Id, conversation);
        }

        conversation.Events |= flags;
        if ((flags & TfEventFlags.Closed) != 0)
            conversation.ClosedStatus = (TfStatus)item.Status;
        Note("!", $"{Text(conversation)}{flags}{((flags & TfEventFlags.Closed) != 0 ? $" ({(TfStatus)item.Status})" : "")}");
    }

    private void OnSession(TfEvent item, TfEventFlags flags)
    {
        if (!_sessions.Contains(item.Id))
            _sessions.Add(item.Id);
        Note("!", $"session: {flags}");
        foreach (byte[] datagram in _stack.ReceiveDatagrams(item.Id))
        {
            Note(".", $"session: received {datagram.Length} bytes");
            Datagrams.Enqueue(datagram);
        }
    }

    private static IPEndPoint ToEndPoint(TfEndpoint endpoint)
    {
        ReadOnlySpan<byte> address = endpoint.Address;
        return new IPEndPoint(new IPAddress(address[..(endpoint.Family == 4 ? 4 : 16)]), endpoint.Port);
    }
}
