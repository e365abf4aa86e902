using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>The contract over every decorator, over devices with and without offloads and batches, alone and stacked.</summary>
[TestFixtureSource(nameof(Cases))]
[Category("Campaign")]
internal sealed class DecoratorConformanceTests : IPDeviceConformance
{
    private readonly DecoratorCase _case;
    private MemoryLink _link = null!;
    private DecoratorStack _stack = null!;

    public DecoratorConformanceTests(DecoratorCase @case)
    {
        _case = @case;
    }

    public static IEnumerable<DecoratorCase> Cases => DecoratorCase.All;

    protected override long Dropped => _link.Subject.DroppedPackets + _link.Subject.RejectedPackets + _stack.Dropped();

    protected override bool LearnsLaterThatItIsClosed => _case.LearnsLaterThatItIsClosed;

    protected override Task<IIPDevice> CreateAsync()
    {
        _link = new MemoryLink(_case.Offloads);
        _stack = _case.Decorate(_case.IsPlain ? new PlainDevice(_link.Subject) : _link.Subject);
        return Task.FromResult<IIPDevice>(_stack.Top);
    }

    protected override async Task CleanUpAsync()
    {
        await _link.Subject.DisposeAsync();
        await _link.Other.DisposeAsync();
    }

    protected override async Task<byte[]?> ProvokePacketAsync(byte mark) => await _link.ProvokeAsync(mark);

    protected override Task<byte[]> TakeWrittenAsync() => _link.TakeAsync();

    protected override long CountDelivered() => _link.CountDelivered();

    protected override async Task CloseByOtherAsync()
    {
        // In turns: the link is cut, or the device is disposed behind the decorator's back.
        await (_case.Offloads == PacketOffloads.None ? _link.Other : _link.Subject).DisposeAsync();
    }
}
