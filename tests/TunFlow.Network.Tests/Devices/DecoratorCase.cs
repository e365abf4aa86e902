namespace TunFlow.Network.Tests;

/// <summary>A way to decorate, and the device to decorate.</summary>
internal sealed record DecoratorCase(string Name, PacketOffloads Offloads, bool IsPlain, Func<IIPDevice, DecoratorStack> Decorate)
{
    private const PacketOffloads All3 = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation | PacketOffloads.UdpSegmentation;

    public bool LearnsLaterThatItIsClosed { get; init; }

    public static IEnumerable<DecoratorCase> All
    {
        get
        {
            foreach ((string name, Func<IIPDevice, DecoratorStack> decorate) in Decorators())
            {
                yield return new DecoratorCase(name, PacketOffloads.None, false, decorate);
                yield return new DecoratorCase(name, All3, false, decorate);
                yield return new DecoratorCase(name, PacketOffloads.None, true, decorate);
            }
        }
    }

    public override string ToString() => $"{Name} over {(IsPlain ? "a plain device" : $"offloads {Offloads}")}";

    private static IEnumerable<(string Name, Func<IIPDevice, DecoratorStack> Decorate)> Decorators()
    {
        yield return ("counting", static device => Count(device, owns: true));
        yield return ("counting, borrowed", static device => Count(device, owns: false));
        yield return ("capture, off", static device => Capture(device, null, owns: true));
        yield return ("capture", static device => Capture(device, Stream.Null, owns: true));
        yield return ("capture, borrowed", static device => Capture(device, Stream.Null, owns: false));
        yield return ("counting over capture, borrowed, over counting", static device => Stack(device));
    }

    private static DecoratorStack Count(IIPDevice device, bool owns)
    {
        CountingDevice counting = new(device, owns);
        return new DecoratorStack(counting, () => counting.RejectedPackets);
    }

    private static DecoratorStack Capture(IIPDevice device, Stream? target, bool owns)
    {
        CaptureDevice capture = target is null ? new(device, owns) : new(device, target, ownsInner: owns);
        return new DecoratorStack(capture, () => capture.RejectedPackets);
    }

    private static DecoratorStack Stack(IIPDevice device)
    {
        DecoratorStack bottom = Count(device, owns: true);
        DecoratorStack middle = Capture(bottom.Top, Stream.Null, owns: false);
        DecoratorStack top = Count(middle.Top, owns: true);
        return new DecoratorStack(top.Top, () => bottom.Dropped() + middle.Dropped() + top.Dropped());
    }
}
