using TunFlow.Lwip;
using TunFlow.Network;

namespace TunFlow;

/// <summary>Serves any device, through its asynchronous reads and writes.</summary>
/// <remarks>Two one-way pumps: input has to stop before the stack is disposed, output after it.</remarks>
internal sealed class PumpEngine : IPacketEngine
{
    /// <summary>For a device whose writes don't return; everything of the stack is in memory by then.</summary>
    private static readonly TimeSpan OutputBound = TimeSpan.FromSeconds(1);

    private readonly IIPDevice _device;
    private readonly LwipDevice _stack;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private PacketPump? _input;
    private PacketPump? _output;
    private int _stopping;

    public PumpEngine(IIPDevice device, LwipDevice stack)
    {
        _device = device;
        _stack = stack;
    }

    public Task Completion => _completion.Task;

    public long PacketsNotWritten => Volatile.Read(ref _output)?.Forth.DroppedByWriteError ?? 0;

    public void Start()
    {
        _input = PacketPump.StartOneWay(_device, _stack);
        _output = PacketPump.StartOneWay(_stack, _device);
        _ = FollowAsync(_input, _output);
    }

    private async Task FollowAsync(PacketPump input, PacketPump output)
    {
        // Either end means that the device is of no use any more, and the pump that noticed says why.
        Task first = await Task.WhenAny(input.Completion, output.Completion).ConfigureAwait(false);
        if (first.IsFaulted && Volatile.Read(ref _stopping) == 0)
            _completion.TrySetException(first.Exception.InnerException ?? first.Exception);
        else
            _completion.TrySetResult();
    }

    public void Fail(Exception exception) => _completion.TrySetException(exception);

    public void StopInput()
    {
        Volatile.Write(ref _stopping, 1);
        if (_input is { } input)
            _ = input.DisposeAsync().AsTask();
    }

    public async ValueTask DetachAsync()
    {
        Volatile.Write(ref _stopping, 1);
        if (_input is not { } input || _output is not { } output)
            return;
        // A device whose calls hang keeps its pump, which then finds nothing more to do.
        await Task.WhenAll(input.DisposeAsync().AsTask(), output.DisposeAsync().AsTask())
            .WaitAsync(OutputBound).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _completion.TrySetResult();
    }

    public async ValueTask StopAsync()
    {
        if (_input is not { } input || _output is not { } output)
            return;
        // What a pump ended with is Completion's to tell.
        await Task.WhenAll(input.Completion, output.Completion).WaitAsync(OutputBound).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // Not awaited: a device whose write hangs would hold the tunnel's end as well.
        _ = output.DisposeAsync().AsTask();
        // Of a device none of whose calls returns, neither pump ends.
        _completion.TrySetResult();
    }
}
