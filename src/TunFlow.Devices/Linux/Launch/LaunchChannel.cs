using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Linux.Launch;

/// <summary>The caller's end of the socket to <c>tunflow-launch</c>; native/launcher/protocol.h has the conversation.</summary>
/// <remarks>
/// Use: create, start the launcher with <c>--socket</c> <see cref="ChildDescriptor"/> (it inherits the descriptor), call
/// <see cref="CloseChildEnd"/> right after the start, <see cref="Receive"/> the Ready message, serve its TUN, <see cref="Go"/>, then
/// <see cref="Receive"/> again: null means that the command runs. Calls block; the launcher answers or dies within milliseconds.
/// </remarks>
internal sealed unsafe class LaunchChannel : IDisposable
{
    private readonly SafeFileHandle _socket;
    private readonly SafeFileHandle _child;

    internal LaunchChannel()
    {
        int* pair = stackalloc int[2];
        if (SocketCalls.CreatePair(SocketCalls.FamilyUnix, SocketCalls.TypeStream | SocketCalls.CloseOnExec, 0, pair) != 0)
        {
            throw Errno.Exception(Errno.Last, "Cannot create a socket pair");
        }

        _socket = new SafeFileHandle(pair[0], ownsHandle: true);
        _child = new SafeFileHandle(pair[1], ownsHandle: true);
        // Only the launcher's end may survive the exec. A process that somebody else starts before CloseChildEnd inherits it, too; then
        // the end of file after Go comes later.
        if (FileCalls.DescriptorControl(_child, FileCalls.SetDescriptorFlags, 0) != 0)
        {
            int errno = Errno.Last;
            Dispose();
            throw Errno.Exception(errno, "Cannot prepare the launcher's socket");
        }
    }

    /// <summary>The number to pass as <c>--socket</c>.</summary>
    internal int ChildDescriptor => (int)_child.DangerousGetHandle();

    /// <summary>Gives up this process's copy of the launcher's end, without which end of file is never seen.</summary>
    internal void CloseChildEnd() => _child.Dispose();

    /// <summary>The next message, or null at end of file. Blocks.</summary>
    /// <exception cref="NetworkException">The launcher broke the protocol, or died in the middle of a message.</exception>
    internal LaunchMessage? Receive()
    {
        Span<byte> data = stackalloc byte[LaunchMessage.Size];
        int received = 0;
        SafeFileHandle? tun = null;
        try
        {
            while (received < data.Length)
            {
                int count = ReceivePart(data[received..], ref tun);
                if (count == 0 && received == 0)
                {
                    return null;
                }

                if (count == 0)
                {
                    throw new NetworkException(NetworkError.ProtocolViolation, "The launcher ended in the middle of a message.");
                }

                received += count;
            }

            LaunchMessage message = LaunchMessage.Parse(data, tun);
            tun = null;
            return message;
        }
        finally
        {
            tun?.Dispose();
        }
    }

    /// <summary>Lets the launcher execute the command.</summary>
    internal void Go()
    {
        byte go = (byte)'G';
        while (SocketCalls.Send(_socket, &go, 1, SocketCalls.MessageNoSignal) < 0)
        {
            ThrowUnlessInterrupted("The launcher has gone away");
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _child.Dispose();
    }

    private int ReceivePart(Span<byte> data, ref SafeFileHandle? tun)
    {
        // Room for one descriptor: struct cmsghdr (a size_t and two ints) and an int, aligned as size_t.
        const int ControlSize = 24;
        ulong* control = stackalloc ulong[ControlSize / sizeof(ulong)];
        fixed (byte* bytes = data)
        {
            var vector = new IoVector(bytes, (nuint)data.Length);
            var message = new MessageHeader { Vectors = &vector, VectorCount = 1, Control = (byte*)control, ControlLength = ControlSize };
            nint count;
            while ((count = SocketCalls.ReceiveMessage(_socket, &message, SocketCalls.MessageCloseOnExec)) < 0)
            {
                ThrowUnlessInterrupted("Cannot hear the launcher");
            }

            if (message.ControlLength >= (nuint)(sizeof(nuint) + (3 * sizeof(int))))
            {
                TakeDescriptor((byte*)control, ref tun);
            }

            return (int)count;
        }
    }

    private static void TakeDescriptor(byte* control, ref SafeFileHandle? tun)
    {
        int level = Unsafe.ReadUnaligned<int>(control + sizeof(nuint));
        int type = Unsafe.ReadUnaligned<int>(control + sizeof(nuint) + sizeof(int));
        if (level == SocketCalls.LevelSocket && type == SocketCalls.ControlRights)
        {
            int descriptor = Unsafe.ReadUnaligned<int>(control + sizeof(nuint) + (2 * sizeof(int)));
            tun?.Dispose();
            tun = new SafeFileHandle(descriptor, ownsHandle: true);
        }
    }

    private static void ThrowUnlessInterrupted(string failure)
    {
        int errno = Errno.Last;
        if (errno != Errno.Interrupted)
        {
            throw Errno.Exception(errno, failure);
        }
    }
}
