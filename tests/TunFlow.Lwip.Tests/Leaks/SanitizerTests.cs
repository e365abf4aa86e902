using System.Runtime.InteropServices;
using TunFlow.Interop;
using TunFlow.Lwip.Tests.Fakes;

namespace TunFlow.Lwip.Tests.Leaks;

/// <summary>That a run which is meant to be under AddressSanitizer is: a sanitizer that isn't there finds nothing.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class SanitizerTests
{
    [Test]
    public void The_library_under_test_is_the_chosen_one()
    {
        NativeLibraryRequirement.Check();
        if (NativeLibraryChoice.Path is { } chosen)
            Assert.That(NativeLibraryInfo.LibraryPath, Is.EqualTo(Path.GetFullPath(chosen)));
        else
            Assert.That(NativeLibraryInfo.LibraryPath, Does.StartWith(AppContext.BaseDirectory));
    }

    [Test]
    public async Task Memory_that_the_sanitized_library_freed_is_poisoned()
    {
        NativeLibraryRequirement.Check();
        bool sanitized = NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "__asan_address_is_poisoned", out nint isPoisoned);
        Assert.That(sanitized, Is.EqualTo(NativeLibraryChoice.Path?.Contains("sanitize", StringComparison.Ordinal) == true), "the sanitizer's runtime");
        await using LwipDevice device = new(new FakeDialer(), new FakePacketProxy());

        (bool living, bool behind, bool freed) = LookAtBlock(device, sanitized ? isPoisoned : 0);

        Assert.That((living, behind, freed), Is.EqualTo((false, sanitized, sanitized)), "a block in use, the byte behind it, a block that was freed");
    }

    private static unsafe (bool Living, bool Behind, bool Freed) LookAtBlock(LwipDevice device, nint isPoisoned)
    {
        const int capacity = 4096;
        byte* block = device.AllocateBlock(capacity);
        bool living = Ask(isPoisoned, block + capacity - 1), behind = Ask(isPoisoned, block + capacity);
        NativeMethods.tf_block_free(block);
        return (living, behind, Ask(isPoisoned, block));
    }

    private static unsafe bool Ask(nint function, byte* address) => function != 0 && ((delegate* unmanaged<byte*, int>)function)(address) != 0;
}
