using TunFlow.Interop;

namespace TunFlow.PacketScripts.Language;

/// <content>Packets that must leave no trace but a number.</content>
internal sealed partial class PacketScript
{
    public ulong DropCount(TfDrop reason)
    {
        TfStats stats = _stack.Statistics();
        return stats.Drops[(int)reason];
    }

    /// <summary>
    /// Sends bytes that must be dropped for this reason, and for no other, before anything of them is kept: no answer, no
    /// event, no flow, no session, not a byte of memory.
    /// </summary>
    public void ExpectDropped(byte[] packet, TfDrop reason, string what)
    {
        TfStats before = _stack.Statistics();
        SendRaw(packet, what);
        TfStats after = _stack.Statistics();
        for (int i = 0; i < (int)TfDrop.Reasons; i++)
        {
            ulong expected = before.Drops[i] + (i == (int)reason ? 1u : 0u);
            Require(after.Drops[i] == expected, $"{what}: dropped for {reason}", $"{after.Drops[i] - before.Drops[i]} drops for {(TfDrop)i}");
        }

        ExpectNothing();
        Require(!LastTaken, $"{what}: counted as dropped", "as taken");
        Require(after.Flows == before.Flows && after.Sessions == before.Sessions, $"{what}: no state", "a flow or a session");
        Require(after.NativeBytes == before.NativeBytes, $"{what}: no memory kept", $"{after.NativeBytes - before.NativeBytes} bytes");
    }

    /// <summary>The oldest datagram that arrived is one of this length, of the application's pattern.</summary>
    public void ExpectDatagram(int length)
    {
        if (!Datagrams.TryDequeue(out byte[]? datagram))
            Fail($"a datagram of {length} bytes", "none arrived");
        if (datagram.Length != length)
            Fail($"a datagram of {length} bytes", $"one of {datagram.Length}");
        if (!datagram.AsSpan().SequenceEqual(Pattern.FromApplication(0, length)))
            Fail($"a datagram of {length} bytes", "other bytes");
    }

    /// <summary>Answers through the newest session, from the main conversation's remote.</summary>
    public int Answer(int length)
    {
        int status = _stack.SendDatagram(_now, _sessions[^1], FromEndPoint(Main.Remote), Pattern.FromStack(0, length));
        Note(".", $"session: send {length}: {(TfStatus)status}");
        Pump();
        return status;
    }

    private static TfEndpoint FromEndPoint(System.Net.IPEndPoint endPoint)
    {
        TfEndpoint native = new() { Port = (ushort)endPoint.Port };
        byte[] address = endPoint.Address.GetAddressBytes();
        native.Family = (byte)(address.Length == 4 ? 4 : 6);
        address.CopyTo((Span<byte>)native.Address);
        return native;
    }
}
