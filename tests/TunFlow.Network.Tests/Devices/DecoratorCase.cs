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
                bool later = name.Contains("delay", StringComparison.Ordinal);
                yield return new DecoratorCase(name, PacketOffloads.None, false, decorate) { LearnsLaterThatItIsClosed = later };
                yield return new DecoratorCase(name, All3, false, decorate) { LearnsLaterThatItIsClosed = later };
                yield return new DecoratorCase(name, PacketOffloads.None, true, decorate) { LearnsLaterThatItIsClosed = later };
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
        yield return ("impairment, none", static device => Impair(device, new ImpairmentOptions(), owns: true));
        yield return ("impairment, none, borrowed", static device => Impair(device, new ImpairmentOptions(), owns: false));
        yield return ("impairment, delay and rate", static device => Impair(device, Slow(), owns: true));
        yield return ("impairment, delay and rate, borrowed", static device => Impair(device, Slow(), owns: false));
        yield return ("counting over borrowed capture over counting over impairment", static device => Stack(device));
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

    private static DecoratorStack Impair(IIPDevice device, ImpairmentOptions options, bool owns)
    {
        ImpairmentDevice impairment = new(device, options, owns);
        return new DecoratorStack(impairment, () =>
        {
            LinkImpairmentStatistics written = impairment.GetStatistics().Written;
            return impairment.RejectedPackets + written.DroppedByLimit + written.DroppedByRate + written.DroppedAtEnd + written.DroppedByClosing;
        });
    }

    private static ImpairmentOptions Slow()
    {
        LinkImpairment slow = new() { Delay = TimeSpan.FromMilliseconds(1), Jitter = TimeSpan.FromMilliseconds(2), BytesPerSecond = 10_000_000 };
        return new ImpairmentOptions { Read = slow, Written = slow };
    }

    private static DecoratorStack Stack(IIPDevice device)
    {
        DecoratorStack lowest = Impair(device, new ImpairmentOptions(), owns: true);
        DecoratorStack bottom = Count(lowest.Top, owns: true);
        DecoratorStack middle = Capture(bottom.Top, Stream.Null, owns: false);
        DecoratorStack top = Count(middle.Top, owns: true);
        return new DecoratorStack(top.Top, () => lowest.Dropped() + bottom.Dropped() + middle.Dropped() + top.Dropped());
    }
}
