using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Loading;

/// <summary>The whole way from the first question to the answer, against libraries that fail in different ways.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class NativeLibraryInfoTests
{
    [Test]
    public void A_matching_library_is_supported()
    {
        using var directory = new TemporaryDirectory();
        var path = FixtureLibrary.Build(directory);

        Assert.That(Describe(path), Is.EqualTo($"supported 3 {path}"));
    }

    [Test]
    public void A_missing_library_is_a_reason_and_not_an_exception() =>
        Assert.That(Describe("/nowhere/libtunflow_lwip.so"),
            Does.StartWith("unsupported ").And.Contain("/nowhere/libtunflow_lwip.so: no such file"));

    [Test]
    public void Another_version_is_named()
    {
        using var directory = new TemporaryDirectory();

        Assert.That(Describe(FixtureLibrary.Build(directory, null, "-DFIXTURE_VERSION=77")),
            Does.StartWith("unsupported ").And.Contain("ABI version 77").And.Contain($"needs {NativeMethods.TF_ABI_VERSION}"));
    }

    [Test]
    public void A_library_without_an_entry_point_is_named()
    {
        using var directory = new TemporaryDirectory();

        Assert.That(Describe(FixtureLibrary.Build(directory, null, "-DFIXTURE_NO_LAYOUT")),
            Does.StartWith("unsupported ").And.Contain("tf_abi_layout").And.Contain(directory.Path));
    }

    [Test]
    public void A_struct_that_changed_under_the_same_version_is_named_by_its_field()
    {
        using var directory = new TemporaryDirectory();
        var path = FixtureLibrary.Build(
            directory, header => header.Replace("uint8_t address[16];", "uint8_t address[18];", StringComparison.Ordinal));

        Assert.That(Describe(path), Does.StartWith("unsupported ").And.Contain("tf_endpoint.address has size 18").And.Contain("tf_endpoint.port"));
    }

    [Test]
    public void Throwing_gives_the_same_reason_every_time()
    {
        var answer = FixtureLibrary.Run("/nowhere/x.so", typeof(NativeLibraryInfoTests), nameof(ThrowTwice));

        Assert.That(answer, Is.EqualTo("same"));
    }

    private static string? Describe(string path) => FixtureLibrary.Run(path, typeof(NativeLibraryInfoTests), nameof(DescribeHere));

    private static string DescribeHere() => NativeLibraryInfo.IsSupported
        ? $"supported {NativeLibraryInfo.StackLimit} {NativeLibraryInfo.LibraryPath}"
        : $"unsupported {NativeLibraryInfo.UnsupportedReason}";

    private static string ThrowTwice()
    {
        var first = Assert.Throws<PlatformNotSupportedException>(NativeLibraryInfo.ThrowIfUnsupported)!;
        var second = Assert.Throws<PlatformNotSupportedException>(NativeLibraryInfo.ThrowIfUnsupported)!;
        return first.Message == second.Message && !ReferenceEquals(first, second) && first.Message == NativeLibraryInfo.UnsupportedReason
            ? "same"
            : $"{first} {second}";
    }
}
