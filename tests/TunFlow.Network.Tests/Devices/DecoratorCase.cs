namespace TunFlow.Network.Tests;

/// <summary>A way to decorate, and the device to decorate.</summary>
internal sealed record DecoratorCase(string Name, PacketOffloads Offloads, bool IsPlain, Func<IIPDevice, DecoratorStack> Decorate)
{
    private const PacketOffloads All3 = PacketOffloads.Checksum | PacketOffloads.TcpSegmentation | PacketOffloads.UdpSegmentation;

    // Every decorator times every device takes long and finds little more than pairs do.
    private static readonly bool s_all = Environment.GetEnvironmentVariable("TUNFLOW_CAMPAIGN") == "1";

    [Flags]
    private enum Inner
    {
        Batch = 1,
        Offloading = 2,
        Plain = 4,
    }

    public bool LearnsLaterThatItIsClosed { get; init; }

    public static IEnumerable<DecoratorCase> All
    {
        get
        {
            foreach ((string name, Inner inner, Func<IIPDevice, DecoratorStack> decorate) in Decorators())
            {
                bool later = name.Contains("delay", StringComparison.Ordinal);
                foreach (Inner device in Enum.GetValues<Inner>().Where(device => s_all || inner.HasFlag(device)))
                {
                    yield return new DecoratorCase(name, device == Inner.Offloading ? All3 : PacketOffloads.None, device == Inner.Plain, decorate) { LearnsLaterThatItIsClosed = later };
                }
            }
        }
    }

    public override string ToString() => $"{Name} over {(IsPlain ? "a plain device" : $"offloads {Offloads}")}";

    /// <summary>Every decorator, owning and borrowing, with the devices that differ most for it: an impairment does offloads itself, so one kind is enough.</summary>
    private static IEnumerable<(string Name, Inner Inner, Func<IIPDevice, DecoratorStack> Decorate)> Decorators()
    {
        yield return ("counting", Inner.Offloading | Inner.Plain, static device => Count(device, owns: true));
        yield return ("counting, borrowed", Inner.Batch, static device => Count(device, owns: false));
        yield return ("capture, off", Inner.Batch, static device => Capture(device, null, owns: true));
        yield return ("capture", Inner.Offloading, static device => Capture(device, Stream.Null, owns: true));
        yield return ("capture, borrowed", Inner.Offloading | Inner.Plain, static device => Capture(device, Stream.Null, owns: false));
        yield return ("impairment, none", Inner.Plain, static device => Impair(device, new ImpairmentOptions(), owns: true));
        yield return ("impairment, none, borrowed", Inner.Batch, static device => Impair(device, new ImpairmentOptions(), owns: false));
        yield return ("impairment, delay and rate", Inner.Batch, static device => Impair(device, Slow(), owns: true));
        yield return ("impairment, delay and rate, borrowed", Inner.Offloading, static device => Impair(device, Slow(), owns: false));
        yield return ("counting over borrowed capture over counting over impairment", Inner.Offloading, static device => Stack(device));
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
