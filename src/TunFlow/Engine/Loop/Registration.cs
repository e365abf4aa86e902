using System.Runtime.InteropServices;

namespace TunFlow;

/// <summary>Somebody else's descriptor in an epoll set. It stays open until it was taken out, whoever disposes it meanwhile.</summary>
/// <remarks>
/// A descriptor that is closed leaves the set without a word: who sleeps would never see the event that came just before. And one of which somebody holds
/// a duplicate doesn't leave it at all.
/// </remarks>
internal sealed class Registration : IDisposable
{
    private readonly EventLoop _loop;
    private readonly SafeHandle _descriptor;
    private readonly ulong _id;
    private bool _held;

    /// <exception cref="ObjectDisposedException">The descriptor was closed before.</exception>
    public Registration(EventLoop loop, SafeHandle descriptor, uint interest, IEventTarget target)
    {
        _loop = loop;
        _descriptor = descriptor;
        descriptor.DangerousAddRef(ref _held);
        try
        {
            if (!loop.TryReserve(target, out _id))
                throw new InvalidOperationException("The loop has ended.");
            loop.Watch(descriptor, interest, _id);
        }
        catch
        {
            descriptor.DangerousRelease();
            throw;
        }
    }

    public void Dispose()
    {
        if (!_held)
            return;
        _held = false;
        _loop.Remove(_id, _descriptor.DangerousGetHandle());
        _descriptor.DangerousRelease();
    }
}
