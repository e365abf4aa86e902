using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Loading;

[TestFixture]
internal sealed class NativeLibraryLoaderTests
{
    [Test]
    public void A_missing_library_names_the_platform_and_every_file_looked_for()
    {
        var search = NativeLibrarySearch.Create(["/nowhere"], "/cache", "debian.12-x64", null);

        var error = Assert.Throws<PlatformNotSupportedException>(() => NativeLibraryLoader.Load(search, out _))!;

        Assert.That(error.Message, Does.Contain("debian.12-x64"));
        foreach (var candidate in search.Candidates)
            Assert.That(error.Message, Does.Contain($"{candidate}: no such file"));
    }

    [Test]
    [Platform("Linux")]
    public void A_file_that_is_no_library_is_reported_with_the_reason()
    {
        using var directory = new TemporaryDirectory();
        var path = directory.Write("libtunflow_lwip.so", "not a library");

        var error = Assert.Throws<PlatformNotSupportedException>(() =>
            NativeLibraryLoader.Load(NativeLibrarySearch.Create([directory.Path], null, "linux-x64", null), out _))!;

        Assert.That(error.Message, Does.Contain($"{path}: ").And.Not.Contain($"{path}: no such file"));
    }

    [Test]
    public void A_library_whose_dependency_is_missing_is_reported_with_the_dependency()
    {
        using var directory = new TemporaryDirectory();
        var inner = directory.Write("inner.c", "int tunflow_inner(void); int tunflow_inner(void) { return 1; }\n");
        var outer = directory.Write("outer.c", "int tunflow_inner(void); int tunflow_outer(void); int tunflow_outer(void) { return tunflow_inner(); }\n");
        CCompiler.Library(inner, directory["libtunflow_inner.so"], "-fvisibility=default", "-Wl,-soname,libtunflow_inner.so");
        CCompiler.Library(outer, directory["libtunflow_lwip.so"], $"-L{directory.Path}", "-ltunflow_inner");
        File.Delete(directory["libtunflow_inner.so"]);

        var error = Assert.Throws<PlatformNotSupportedException>(() =>
            NativeLibraryLoader.Load(NativeLibrarySearch.Create([directory.Path], null, "linux-x64", null), out _))!;

        Assert.That(error.Message, Does.Contain("libtunflow_inner.so").And.Contain("could not load it"));
    }

    [Test]
    public void A_broken_first_candidate_does_not_hide_a_good_second()
    {
        using var broken = new TemporaryDirectory();
        using var good = new TemporaryDirectory();
        broken.Write("libtunflow_lwip.so", "not a library");
        var expected = FixtureLibrary.Build(good);

        var handle = NativeLibraryLoader.Load(NativeLibrarySearch.Create([broken.Path, good.Path], null, "linux-x64", null), out var path);

        Assert.That(handle, Is.Not.Zero);
        Assert.That(path, Is.EqualTo(expected));
    }
}
