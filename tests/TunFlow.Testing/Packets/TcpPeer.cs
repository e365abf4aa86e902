using System.Net;

namespace TunFlow.Testing.Packets;

/// <summary>A small TCP client that talks to a device under test through a link that loses nothing.</summary>
/// <remarks>No retransmission and no congestion control: what arrives out of order is an error, and so is a packet that was sent again unless <see cref="AllowRetransmissions"/>.</remarks>
public sealed class TcpPeer
{
    private const int WindowScale = 4;

    private readonly Lock _lock = new();
    private readonly PacketLink _link;
    private readonly MemoryStream _received = new();
    private readonly List<(Func<bool> Condition, TaskCompletionSource Done)> _waiters = [];
    private readonly uint _initial;
    private uint _next;
    private uint _expected;
    private uint _acknowledged;
    private long _peerWindow;
    private int _peerScale;
    private int _read;
    private int _window = 0xFFFF;

    internal TcpPeer(PacketLink link, IPEndPoint local, IPEndPoint remote)
    {
        _link = link;
        Local = local;
        Remote = remote;
        Mss = local.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 1460 : 1440;
        _initial = (uint)Random.Shared.Next();
        _next = _initial;
    }

    public IPEndPoint Local { get; }

    public IPEndPoint Remote { get; }

    public uint InitialSequence => _initial;

    public bool IsOpen { get; private set; }

    public bool WasReset { get; private set; }

    public bool FinReceived { get; private set; }

    public bool LinkEnded { get; private set; }

    /// <summary>The ICMP message that refused the connection.</summary>
    public ParsedPacket? Unreachable { get; private set; }

    public bool AllowRetransmissions { get; set; }

    public int Retransmissions { get; private set; }

    public int Mss { get; set; }

    /// <summary>Whether data is acknowledged as it comes.</summary>
    public bool AutoAcknowledge { get; set; } = true;

    /// <summary>The window last heard of, in bytes.</summary>
    public long PeerWindow => Read(() => _peerWindow);

    public long Unacknowledged => Read(() => _next - _acknowledged);

    public int ReceivedBytes => Read(() => (int)_received.Length);

    /// <summary>What is announced as our window, in units of 16 bytes.</summary>
    public int Window
    {
        get => Read(() => _window);
        set => Read(() => _window = value);
    }

    public void SendSyn()
    {
        byte[] options = [2, 4, (byte)(Mss >> 8), (byte)Mss, 1, 3, 3, WindowScale];
        Send(TcpFlags.Syn, _initial, default, options);
    }

    /// <summary>Connects: true when open, false when refused by RST or ICMP.</summary>
    public async Task<bool> ConnectAsync(TimeSpan? limit = null)
    {
        SendSyn();
        await WaitAsync(() => IsOpen || WasReset || LinkEnded || Unreachable is not null, limit).ConfigureAwait(false);
        return IsOpen;
    }

    /// <summary>Sends data as the window allows; returns when everything is on its way.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> data, TimeSpan? limit = null)
    {
        while (!data.IsEmpty)
        {
            await WaitAsync(() => WasReset || LinkEnded || _peerWindow - (_next - _acknowledged) > 0, limit).ConfigureAwait(false);
            if (WasReset || LinkEnded)
                throw new IOException("The connection was reset while sending.");
            // The edge of a scaled window may move back by less than one unit of it, and so below what is in flight.
            int length = (int)Math.Min(Math.Min(data.Length, Mss), Read(() => _peerWindow - (_next - _acknowledged)));
            if (length <= 0)
                continue;
            Send(TcpFlags.Ack | TcpFlags.Psh, Advance(length), data.Span[..length]);
            data = data[length..];
        }
    }

    public void SendFin()
    {
        Send(TcpFlags.Fin | TcpFlags.Ack, Advance(1));
    }

    public void SendReset() => Send(TcpFlags.Rst | TcpFlags.Ack, _next);

    public void SendAcknowledgment() => Send(TcpFlags.Ack, _next);

    /// <summary>Waits for exactly this many bytes more.</summary>
    public async Task<byte[]> ReceiveAsync(int count, TimeSpan? limit = null)
    {
        await WaitAsync(() => _received.Length - _read >= count || WasReset, limit).ConfigureAwait(false);
        return Take(count);
    }

    /// <summary>Waits for the FIN and returns everything in front of it.</summary>
    public async Task<byte[]> ReceiveToEndAsync(TimeSpan? limit = null)
    {
        await WaitAsync(() => FinReceived || WasReset, limit).ConfigureAwait(false);
        Assert.That(WasReset, Is.False, "reset instead of an end");
        return Take((int)_received.Length - _read);
    }

    public Task WaitResetAsync(TimeSpan? limit = null) => WaitAsync(() => WasReset, limit);

    public Task WaitFinAsync(TimeSpan? limit = null) => WaitAsync(() => FinReceived, limit);

    /// <summary>Waits until everything sent, a FIN included, was acknowledged.</summary>
    public Task WaitAcknowledgedAsync(TimeSpan? limit = null) => WaitAsync(() => _acknowledged == _next, limit);

    public void Forget() => _link.Forget(this);

    public async Task WaitAsync(Func<bool> condition, TimeSpan? limit = null)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (condition())
                return;
            _waiters.Add((condition, done));
        }

        try
        {
            await done.Task.WaitAsync(limit ?? TimeSpan.FromSeconds(10)).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Nothing happened: {Describe()}.");
        }
    }

    public string Describe() => Read(() =>
        $"open {IsOpen}, reset {WasReset}, FIN {FinReceived}, received {_received.Length}, sent {_next - _initial}, unacknowledged {_next - _acknowledged}, window {_peerWindow}");

    internal void OnPacket(ParsedPacket packet)
    {
        lock (_lock)
        {
            Handle(packet);
            Wake();
        }
    }

    internal void OnUnreachable(ParsedPacket packet)
    {
        lock (_lock)
        {
            Unreachable = packet;
            Wake();
        }
    }

    internal void OnLinkEnded()
    {
        lock (_lock)
        {
            LinkEnded = true;
            Wake();
        }
    }

    private void Handle(ParsedPacket packet)
    {
        if ((packet.Flags & TcpFlags.Rst) != 0)
        {
            WasReset = true;
            return;
        }

        if ((packet.Flags & TcpFlags.Syn) != 0)
        {
            HandleSynAck(packet);
            return;
        }

        if ((packet.Flags & TcpFlags.Ack) != 0)
        {
            if ((int)(packet.Acknowledgment - _acknowledged) > 0)
                _acknowledged = packet.Acknowledgment;
            _peerWindow = (long)packet.Window << _peerScale;
        }

        ReadOnlySpan<byte> payload = packet.Payload.Span;
        bool fin = (packet.Flags & TcpFlags.Fin) != 0;
        if (payload.IsEmpty && !fin)
        {
            // A keep-alive probe (RFC 9293 section 3.8.4).
            if (packet.Sequence == _expected - 1)
                SendAcknowledgment();
            return;
        }

        if (packet.Sequence != _expected)
        {
            Retransmissions++;
            Assert.That(AllowRetransmissions, Is.True, $"sequence {packet.Sequence} where {_expected} was expected");
            int known = (int)(_expected - packet.Sequence);
            if (known <= 0 || known > payload.Length + (fin ? 1 : 0))
                return;
            payload = payload[Math.Min(known, payload.Length)..];
        }

        _received.Write(payload);
        _expected += (uint)payload.Length;
        if (fin)
        {
            FinReceived = true;
            _expected++;
        }

        if (AutoAcknowledge)
            SendAcknowledgment();
    }

    private void HandleSynAck(ParsedPacket packet)
    {
        if (IsOpen)
            return;
        Assert.That(packet.Acknowledgment, Is.EqualTo(_initial + 1), "acknowledgment of the SYN");
        _next = _acknowledged = _initial + 1;
        _expected = packet.Sequence + 1;
        _peerScale = FindScale(packet.TcpOptions);
        _peerWindow = packet.Window;
        IsOpen = true;
        SendAcknowledgment();
    }

    private static int FindScale(ReadOnlySpan<byte> options)
    {
        for (int i = 0; i < options.Length && options[i] != 0; i += options[i] == 1 ? 1 : options[i + 1])
        {
            if (options[i] == 3)
                return options[i + 2];
        }

        return 0;
    }

    private uint Advance(int length) => Read(() =>
    {
        uint sequence = _next;
        _next += (uint)length;
        return sequence;
    });

    private void Send(TcpFlags flags, uint sequence, ReadOnlySpan<byte> payload = default, ReadOnlySpan<byte> options = default)
    {
        uint acknowledgment = (flags & TcpFlags.Ack) != 0 ? _expected : 0;
        _link.Send(PacketBuilder.TcpSegment(Local, Remote, sequence, acknowledgment, flags, _window, options, payload));
    }

    private byte[] Take(int count)
    {
        lock (_lock)
        {
            Assert.That(_received.Length - _read, Is.GreaterThanOrEqualTo(count), "received bytes");
            byte[] taken = _received.GetBuffer().AsSpan(_read, count).ToArray();
            _read += count;
            return taken;
        }
    }

    private void Wake()
    {
        for (int i = _waiters.Count - 1; i >= 0; i--)
        {
            if (_waiters[i].Condition())
            {
                _waiters[i].Done.TrySetResult();
                _waiters.RemoveAt(i);
            }
        }
    }

    private T Read<T>(Func<T> read)
    {
        lock (_lock)
            return read();
    }
}
