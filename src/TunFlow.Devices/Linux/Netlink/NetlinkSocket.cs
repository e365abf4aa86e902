using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Linux.Netlink;

/// <summary>A conversation with rtnetlink: one request, its answer, the next.</summary>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    /// <summary>The kernel's own advice for answers (NLMSG_GOODSIZE).</summary>
    internal const int MaxAnswer = 8192;

    private readonly SafeFileHandle _socket;
    private uint _sequence;

    internal NetlinkSocket()
    {
        const int RouteProtocol = 0;
        int socket = SocketCalls.Create(SocketCalls.FamilyNetlink, SocketCalls.TypeRaw | SocketCalls.CloseOnExec, RouteProtocol);
        if (socket < 0)
        {
            throw Errno.Exception(Errno.Last, "Cannot open a netlink socket");
        }

        _socket = new SafeFileHandle(socket, ownsHandle: true);
        // The kernel's reason in words, where it has one. Older kernels do not know the option; the errno remains.
        int on = 1;
        _ = SocketCalls.SetOption(_socket, SocketCalls.LevelNetlink, SocketCalls.NetlinkExtendedAcknowledgement, &on, sizeof(int));
    }

    /// <summary>Makes a change and waits for its acknowledgement.</summary>
    /// <param name="request">The request.</param>
    /// <param name="failure">What could not be done, for the exception.</param>
    /// <param name="tolerated">An errno that counts as success, or 0.</param>
    internal void Transact(in NetlinkRequest request, string failure, int tolerated = 0)
    {
        Span<byte> answer = stackalloc byte[MaxAnswer];
        ReadOnlySpan<byte> message = Exchange(request, answer, failure);
        ThrowIfRefused(message, failure, tolerated);
    }

    /// <summary>Asks for one object and returns the body of the answer, which lies in <paramref name="answer"/>.</summary>
    internal ReadOnlySpan<byte> Ask(in NetlinkRequest request, Span<byte> answer, string failure)
    {
        ReadOnlySpan<byte> message = Exchange(request, answer, failure);
        if (MemoryMarshal.Read<ushort>(message[4..]) == NetlinkTypes.Error)
        {
            ThrowIfRefused(message, failure, 0);
            throw new NetworkException(NetworkError.ProtocolViolation, failure + ": the kernel sent no answer.");
        }

        return message[NetlinkTypes.HeaderSize..];
    }

    /// <summary>As <see cref="Ask"/>, but false where the kernel refuses.</summary>
    internal bool TryAsk(in NetlinkRequest request, Span<byte> answer, string failure, out ReadOnlySpan<byte> body)
    {
        ReadOnlySpan<byte> message = Exchange(request, answer, failure);
        bool refused = MemoryMarshal.Read<ushort>(message[4..]) == NetlinkTypes.Error;
        body = refused ? default : message[NetlinkTypes.HeaderSize..];
        return !refused;
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Sends the request and returns the first message with its sequence number, header included.</summary>
    private ReadOnlySpan<byte> Exchange(in NetlinkRequest request, Span<byte> answer, string failure)
    {
        Span<byte> bytes = request.Bytes;
        _sequence++;
        MemoryMarshal.Write(bytes[8..], in _sequence);
        fixed (byte* data = bytes)
        {
            while (SocketCalls.Send(_socket, data, (nuint)bytes.Length, 0) < 0)
            {
                ThrowUnlessInterrupted(failure);
            }
        }

        fixed (byte* data = answer)
        {
            while (true)
            {
                nint count = SocketCalls.Receive(_socket, data, (nuint)answer.Length, 0);
                if (count < 0)
                {
                    ThrowUnlessInterrupted(failure);
                    continue;
                }

                int length = count < NetlinkTypes.HeaderSize ? 0 : MemoryMarshal.Read<int>(answer);
                if (length < NetlinkTypes.HeaderSize || length > count)
                {
                    throw new NetworkException(NetworkError.ProtocolViolation, failure + ": the kernel's answer has an impossible length.");
                }

                // Anything else is the acknowledgement of an earlier question, whose answer was enough.
                if (MemoryMarshal.Read<uint>(answer[8..]) == _sequence)
                {
                    return answer[..length];
                }
            }
        }
    }

    /// <summary><c>struct nlmsgerr</c>: the errno, the header of the request, and, with extended acknowledgements, attributes.</summary>
    private static void ThrowIfRefused(ReadOnlySpan<byte> message, string failure, int tolerated)
    {
        const int Body = NetlinkTypes.HeaderSize;
        if (MemoryMarshal.Read<ushort>(message[4..]) != NetlinkTypes.Error || message.Length < Body + sizeof(int) + NetlinkTypes.HeaderSize)
        {
            throw new NetworkException(NetworkError.ProtocolViolation, failure + ": the kernel sent something else than an acknowledgement.");
        }

        int errno = -MemoryMarshal.Read<int>(message[Body..]);
        if (errno == 0 || errno == tolerated)
        {
            return;
        }

        string? reason = Reason(message);
        throw Errno.Exception(errno, reason is null ? failure : $"{failure}: {reason}");
    }

    private static string? Reason(ReadOnlySpan<byte> message)
    {
        ushort flags = MemoryMarshal.Read<ushort>(message[6..]);
        const int Request = NetlinkTypes.HeaderSize + sizeof(int);
        bool capped = (flags & NetlinkTypes.AcknowledgementIsCapped) != 0;
        int start = Request + (capped ? NetlinkTypes.HeaderSize : MemoryMarshal.Read<int>(message[Request..]));
        return (flags & NetlinkTypes.AcknowledgementHasAttributes) != 0
            && start > Request
            && NetlinkAttributes.TryFind(message, start, NetlinkTypes.AcknowledgementMessage, out ReadOnlySpan<byte> text)
            ? Encoding.UTF8.GetString(text.TrimEnd((byte)0))
            : null;
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
