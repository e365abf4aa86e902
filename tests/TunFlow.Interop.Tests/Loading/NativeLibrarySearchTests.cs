namespace TunFlow.Interop.Tests.Loading;

[TestFixture]
internal sealed class NativeLibrarySearchTests
{
    private static readonly string Separator = Path.PathSeparator.ToString();

    [Test]
    public void Looks_beside_the_program_then_in_runtimes_then_where_the_host_says()
    {
        var search = NativeLibrarySearch.Create(["/app/"], $"/cache/a{Separator}/cache/b/", "linux-x64", null);

        Assert.That(search.Candidates, Is.EqualTo(new[]
        {
            "/app/libtunflow_lwip.so",
            "/app/runtimes/linux-x64/native/libtunflow_lwip.so",
            "/cache/a/libtunflow_lwip.so",
            "/cache/b/libtunflow_lwip.so",
        }));
    }

    [Test]
    public void A_plug_in_directory_comes_after_the_program_and_the_same_file_is_tried_once()
    {
        var search = NativeLibrarySearch.Create(["/app", "/app/plugins/one", ""], "/app", "osx-arm64", null);

        Assert.That(search.Candidates, Is.EqualTo(new[]
        {
            "/app/libtunflow_lwip.dylib",
            "/app/runtimes/osx-arm64/native/libtunflow_lwip.dylib",
            "/app/plugins/one/libtunflow_lwip.dylib",
            "/app/plugins/one/runtimes/osx-arm64/native/libtunflow_lwip.dylib",
        }));
    }

    [TestCase("/opt/x/lib.so", "/opt/x/lib.so")]
    [TestCase("native/lib.so", "/app/native/lib.so")]
    public void A_path_given_by_the_program_is_the_only_candidate(string path, string expected) =>
        Assert.That(NativeLibrarySearch.Create(["/app"], "/cache", "linux-x64", path).Candidates, Is.EqualTo(new[] { expected }));

    [TestCase("linux-x64", "linux-x64")]
    [TestCase("debian.12-x64", "debian.12-x64", "linux-x64")]
    [TestCase("ubuntu.24.04-arm64", "ubuntu.24.04-arm64", "linux-arm64")]
    [TestCase("linux-musl-arm64", "linux-musl-arm64")]
    [TestCase("alpine.3.20-x64", "alpine.3.20-x64", "linux-musl-x64")]
    [TestCase("win10-arm64", "win10-arm64", "win-arm64")]
    [TestCase("osx.14-arm64", "osx.14-arm64", "osx-arm64")]
    [TestCase("freebsd.14-x64", "freebsd.14-x64")]
    [TestCase("linux-bionic-arm64", "linux-bionic-arm64")]
    [TestCase("strange", "strange")]
    public void A_distribution_falls_back_to_its_portable_platform(string rid, params string[] expected) =>
        Assert.That(NativeLibrarySearch.Fallbacks(rid), Is.EqualTo(expected));

    [TestCase("linux-x64", "libtunflow_lwip.so")]
    [TestCase("linux-musl-x64", "libtunflow_lwip.so")]
    [TestCase("win-x64", "tunflow_lwip.dll")]
    [TestCase("win10-arm64", "tunflow_lwip.dll")]
    [TestCase("osx-arm64", "libtunflow_lwip.dylib")]
    public void The_file_is_named_as_the_platform_does(string rid, string expected) =>
        Assert.That(NativeLibrarySearch.FileName(rid), Is.EqualTo(expected));
}
