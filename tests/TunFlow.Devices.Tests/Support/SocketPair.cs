using Microsoft.Win32.SafeHandles;
using TunFlow.Devices.Linux.Native;

namespace TunFlow.Devices.Tests;

/// <summary>Two ends of a Unix socket that keeps the borders of packets: a device without a kernel interface.</summary>
internal sealed unsafe class SocketPair : IDisposable
{
    internal SocketPair()
    {
        int* pair = stackalloc int[2];
        int result = SocketCalls.CreatePair(SocketCalls.FamilyUnix, SocketCalls.TypeSequentialPacket | SocketCalls.CloseOnExec, 0, pair);
        Assert.That(result, Is.Zero);
        Device = new SafeFileHandle(pair[0], ownsHandle: true);
        Peer = new SafeFileHandle(pair[1], ownsHandle: true);
    }

    internal SafeFileHandle Device { get; }

    internal SafeFileHandle Peer { get; }

    internal void Send(ReadOnlySpan<byte> packet)
    {
        fixed (byte* data = packet)
        {
            Assert.That(SocketCalls.Send(Peer, data, (nuint)packet.Length, SocketCalls.MessageNoSignal), Is.EqualTo((nint)packet.Length));
        }
    }

    internal byte[] Receive()
    {
        byte[] buffer = new byte[70_000];
        fixed (byte* data = buffer)
        {
            int count = (int)SocketCalls.Receive(Peer, data, (nuint)buffer.Length, 0);
            Assert.That(count, Is.Positive);
            return buffer[..count];
        }
    }

    public void Dispose()
    {
        Device.Dispose();
        Peer.Dispose();
    }
}
