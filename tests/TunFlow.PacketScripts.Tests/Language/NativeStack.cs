using TunFlow.Interop;

namespace TunFlow.PacketScripts.Language;

/// <summary>The native library, called on the script's thread with the script's time (microseconds). Nothing in between.</summary>
internal sealed unsafe class NativeStack : IDisposable
{
    private readonly StackHandle _handle;

    public NativeStack(in TfConfig config, ulong now)
    {
        Config = config;
        Check(StackHandle.TryCreate(config, now, out StackHandle? handle), "creating a stack");
        _handle = handle!;
    }

    public TfConfig Config { get; }

    /// <summary>The library's defaults with a fixed secret and tables of a test's size.</summary>
    public static TfConfig DefaultConfig()
    {
        TfConfig config;
        NativeMethods.tf_config_default(&config);
        config.MaxFlows = 4096;
        config.MaxHalfOpen = 1024;
        for (int i = 0; i < 16; i++)
            config.Secret[i] = (byte)(i * 37 + 5);
        return config;
    }

    public void Dispose() => _handle.Dispose();

    public int Input(ulong now, byte[] packet)
    {
        // A copy: the stack may change the bytes, and reads beyond them would show under a sanitizer.
        byte[] copy = [.. packet, 0];
        fixed (byte* data = copy)
        {
            TfPacket item = new() { Data = data, Length = (uint)packet.Length };
            return NativeMethods.tf_input(_handle.Index, now, &item, 1);
        }
    }

    public IEnumerable<byte[]> TakeOutput(ulong now)
    {
        List<byte[]> packets = [];
        TfOutput* entry;
        while (NativeMethods.tf_output_take(_handle.Index, now, &entry, 1) == 1)
        {
            for (uint i = 0; i < entry->Packets; i++)
            {
                byte[] buffer = new byte[NativeMethods.TF_MAX_PACKET];
                int length;
                fixed (byte* data = buffer)
                    length = NativeMethods.tf_output_copy(entry, i, data, (uint)buffer.Length);
                packets.Add(buffer[..length]);
            }

            NativeMethods.tf_output_free(&entry, 1);
        }

        return packets;
    }

    public IEnumerable<TfEvent> TakeEvents()
    {
        List<TfEvent> events = [];
        TfEvent one;
        while (NativeMethods.tf_events(_handle.Index, &one, 1) == 1)
            events.Add(one);
        return events;
    }

    public ulong Deadline() => NativeMethods.tf_stack_deadline(_handle.Index);

    public void Tick(ulong now) => Check((TfStatus)NativeMethods.tf_stack_tick(_handle.Index, now), "a tick");

    public TfStats Statistics()
    {
        TfStats stats;
        Check((TfStatus)NativeMethods.tf_stack_get_stats(_handle.Index, &stats), "reading the statistics");
        return stats;
    }

    public TfStatus SetMtu(uint mtu) => (TfStatus)NativeMethods.tf_stack_set_mtu(_handle.Index, mtu);

    public TfStatus Accept(ulong now, ulong id) => (TfStatus)NativeMethods.tf_flow_accept(_handle.Index, now, id);

    public TfStatus Refuse(ulong now, ulong id, TfRefusal refusal) =>
        (TfStatus)NativeMethods.tf_flow_refuse(_handle.Index, now, id, (uint)refusal);

    public TfStatus Shutdown(ulong now, ulong id) => (TfStatus)NativeMethods.tf_flow_shutdown(_handle.Index, now, id);

    public TfStatus Abort(ulong now, ulong id) => (TfStatus)NativeMethods.tf_flow_abort(_handle.Index, now, id);

    public TfStatus Close(ulong now, ulong id, ulong linger) => (TfStatus)NativeMethods.tf_flow_close(_handle.Index, now, id, linger);

    public TfStatus Details(ulong id, out TfFlowDetails details)
    {
        fixed (TfFlowDetails* place = &details)
            return (TfStatus)NativeMethods.tf_flow_get_details(_handle.Index, id, place);
    }

    /// <summary>Bytes taken, or a status below zero.</summary>
    public int Write(ulong now, ulong id, byte[] bytes)
    {
        fixed (byte* data = bytes)
            return NativeMethods.tf_flow_write(_handle.Index, now, id, data, (uint)bytes.Length);
    }

    /// <summary>What can be read now, without taking it. The status is Ok or why nothing will ever come.</summary>
    public TfStatus Receive(ulong id, out byte[] bytes, out bool isEnd)
    {
        bytes = [];
        TfSlice* slices = stackalloc TfSlice[NativeMethods.TF_MAX_SLICES];
        uint count, end;
        int shown = NativeMethods.tf_flow_receive(_handle.Index, id, slices, NativeMethods.TF_MAX_SLICES, &count, &end);
        isEnd = end != 0;
        if (shown < 0)
            return (TfStatus)shown;
        List<byte> all = [];
        for (uint i = 0; i < count; i++)
            all.AddRange(new ReadOnlySpan<byte>(slices[i].Data, (int)slices[i].Length));
        bytes = [.. all];
        return TfStatus.Ok;
    }

    public TfStatus Consume(ulong now, ulong id, int length) =>
        (TfStatus)NativeMethods.tf_flow_consume(_handle.Index, now, id, (uint)length);

    public IReadOnlyList<byte[]> ReceiveDatagrams(ulong id)
    {
        List<byte[]> received = [];
        TfDatagram* datagram;
        while (NativeMethods.tf_session_receive(_handle.Index, id, &datagram, 1) == 1)
        {
            received.Add(new ReadOnlySpan<byte>(datagram->Data, (int)datagram->Length).ToArray());
            NativeMethods.tf_datagram_free(datagram);
        }

        return received;
    }

    public int SendDatagram(ulong now, ulong id, TfEndpoint source, byte[] bytes)
    {
        fixed (byte* data = bytes)
            return NativeMethods.tf_session_send(_handle.Index, now, id, &source, data, (uint)bytes.Length);
    }

    public TfStatus CloseSession(ulong id) => (TfStatus)NativeMethods.tf_session_close(_handle.Index, id);

    private static void Check(TfStatus status, string what) =>
        Assert.That(status, Is.EqualTo(TfStatus.Ok), what);
}
