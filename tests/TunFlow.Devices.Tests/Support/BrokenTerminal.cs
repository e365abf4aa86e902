using System.Globalization;
using Microsoft.Win32.SafeHandles;
using TunFlow.Devices.Linux.Native;

namespace TunFlow.Devices.Tests;

/// <summary>A descriptor whose every read fails with EIO: the master of a terminal whose other side was opened and closed.</summary>
internal static unsafe class BrokenTerminal
{
    private const nuint SetLock = 0x40045431; // TIOCSPTLCK
    private const nuint GetNumber = 0x80045430; // TIOCGPTN

    internal static SafeFileHandle Open()
    {
        int descriptor = FileCalls.Open("/dev/ptmx", FileCalls.OpenReadWrite | FileCalls.OpenNonBlocking | FileCalls.OpenCloseOnExec);
        if (descriptor < 0)
            Assert.Ignore("needs /dev/ptmx: " + Errno.Describe(Errno.Last));
        var master = new SafeFileHandle(descriptor, ownsHandle: true);
        int unlock = 0;
        int number = 0;
        Assert.That(FileCalls.Control(master, SetLock, &unlock), Is.Zero);
        Assert.That(FileCalls.Control(master, GetNumber, &number), Is.Zero);
        int other = FileCalls.Open(
            "/dev/pts/" + number.ToString(CultureInfo.InvariantCulture), FileCalls.OpenReadWrite | FileCalls.OpenCloseOnExec);
        if (other < 0)
            Assert.Ignore("needs /dev/pts: " + Errno.Describe(Errno.Last));
        new SafeFileHandle(other, ownsHandle: true).Dispose();
        return master;
    }
}
