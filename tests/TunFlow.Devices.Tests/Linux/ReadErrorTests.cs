using System.Diagnostics;
using TunFlow.Devices.Linux.Native;
using TunFlow.Network;

namespace TunFlow.Devices.Tests;

/// <summary>A device whose reads fail for ever ends with that error, soon and without a spinning thread.</summary>
[Platform("Linux")]
internal sealed class ReadErrorTests
{
    [Test]
    public async Task Reads_that_keep_failing_fault_the_device()
    {
        await using LinuxTunDevice device = LinuxTunDevice.FromDescriptor(BrokenTerminal.Open(), ownsHandle: true, mtu: 1500);
        var watch = Stopwatch.StartNew();
        TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
        NetworkException exception = (await Assert.ThrowsAsync<NetworkException>(async () => await device.ReadAsync(new byte[1500])))!;
        Assert.That(exception.HResult, Is.EqualTo(Errno.InputOutput));
        Assert.That(exception.Message, Does.Contain("Reading").And.Contain("errno 5"));
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(2)));
        Assert.That(Process.GetCurrentProcess().TotalProcessorTime - processor, Is.LessThan(TimeSpan.FromSeconds(1)));
        Assert.That(device.GetStatistics().ReadErrors, Is.EqualTo(30));

        Assert.That(async () => await device.ReadBatchAsync(new[] { new PacketBuffer(new byte[1500]) }), Throws.TypeOf<NetworkException>());
        NetworkException closed = (await Assert.ThrowsAsync<NetworkException>(async () => await device.WriteAsync(new byte[20])))!;
        Assert.That((closed.Error, closed.HResult), Is.EqualTo((NetworkError.Closed, Errno.InputOutput)));
        await device.DisposeAsync();
        Assert.That(await device.ReadAsync(new byte[1500]), Is.Zero);
    }

    [Test]
    public async Task Failing_reads_can_be_cancelled_and_disposed()
    {
        LinuxTunDevice device = LinuxTunDevice.FromDescriptor(BrokenTerminal.Open(), ownsHandle: true, mtu: 1500);
        Task<int> read = Task.Run(() => device.ReadAsync(new byte[1500]).AsTask());
        await device.DisposeAsync();
        try
        {
            Assert.That(await read.WaitAsync(TimeSpan.FromSeconds(10)), Is.Zero);
        }
        catch (NetworkException exception)
        {
            Assert.That(exception.HResult, Is.EqualTo(Errno.InputOutput), "failed before it was disposed");
        }
    }
}
