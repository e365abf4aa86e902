using System.Net;
using TunFlow.Interop;
using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>What the packet proxy answers into. One for each session that the proxy opens; a native session may outlive several.</summary>
internal sealed class SessionReceiver : IPacketErrorReceiver
{
    private readonly LwipSession _session;
    private readonly DeviceContext _context;
    private bool _disposed;
    private bool _ended;

    public SessionReceiver(LwipSession session, DeviceContext context)
    {
        _session = session;
        _context = context;
    }

    /// <summary>The proxy said that no more responses will come.</summary>
    public bool IsDisposed => Volatile.Read(ref _disposed);

    /// <summary>The session is over, and not by the proxy's doing: its answers are refused from now on.</summary>
    public void End() => Volatile.Write(ref _ended, true);

    public ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        if (source is null)
            return ValueTask.FromException(new ArgumentNullException(nameof(source)));
        if (IsDisposed)
            return ValueTask.FromException(new ObjectDisposedException(nameof(IPacketResponseReceiver)));
        if (Volatile.Read(ref _ended))
            return ValueTask.FromException(Error(NativeStatus.Stale));
        int status = payload.Length > NativeMethods.TF_MAX_DATAGRAM ? NativeStatus.TooBig : _session.Send(source, payload.Span);
        if (status < 0)
            return ValueTask.FromException(Error(status));
        Interlocked.Increment(ref _context.Counters.DatagramsDown);
        return ValueTask.CompletedTask;
    }

    /// <summary>The upstream's ICMP error becomes one to the application, within the stack's rate limit.</summary>
    public ValueTask ReportUnreachableAsync(NetworkError error, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        if (destination is null)
            return ValueTask.FromException(new ArgumentNullException(nameof(destination)));
        if (!IsDisposed && !Volatile.Read(ref _ended))
            _session.RefuseRemote(destination, Refusals.From(error));
        return ValueTask.CompletedTask;
    }

    /// <summary>Only notes and wakes: the proxy may call this from inside a call of ours, and the pump is what closes the rest.</summary>
    public ValueTask DisposeAsync()
    {
        Volatile.Write(ref _disposed, true);
        _session.Wake();
        return ValueTask.CompletedTask;
    }

    private static NetworkException Error(int status) => status switch
    {
        NativeStatus.Stale or NativeStatus.State or NativeStatus.Aborted or NativeStatus.TimedOut =>
            new NetworkException(NetworkError.Closed, "The session is over.", status),
        NativeStatus.Invalid => new NetworkException(
            NetworkError.AddressNotAvailable, "No packet to this application can carry that source address.", status),
        NativeStatus.TooBig => new NetworkException(
            NetworkError.MessageTooLarge, $"A datagram holds at most {NativeMethods.TF_MAX_DATAGRAM} bytes.", status),
        _ => NativeStatus.ToException(status),
    };
}
