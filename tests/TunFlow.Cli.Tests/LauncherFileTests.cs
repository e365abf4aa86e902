using TunFlow.Cli.Run;
using TunFlow.Network;

namespace TunFlow.Cli.Tests;

[TestFixture]
[Platform("Linux")]
public sealed class LauncherFileTests
{
    private string _directory = string.Empty;

    [SetUp]
    public void Create() => _directory = Directory.CreateTempSubdirectory("tunflow-cli-").FullName;

    [TearDown]
    public void Remove() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void Missing_launcher_names_the_files_looked_for()
    {
        NetworkException exception = Assert.Throws<NetworkException>(() => LauncherFile.Find(_directory))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(exception.Error, Is.EqualTo(NetworkError.NotSupported));
            Assert.That(exception.Message, Does.Contain(Path.Combine(_directory, "tunflow-launch")).And.Contain(LauncherFile.RuntimeIdentifier()));
        }
    }

    [Test]
    public void Launcher_that_was_unpacked_without_its_mode_becomes_executable()
    {
        const UnixFileMode unpacked = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        string native = Path.Combine(_directory, "runtimes", LauncherFile.RuntimeIdentifier(), "native");
        Directory.CreateDirectory(native);
        string path = Path.Combine(native, "tunflow-launch");
        File.WriteAllText(path, string.Empty);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, unpacked);

        Assert.That(LauncherFile.Find(_directory), Is.EqualTo(path));
        if (!OperatingSystem.IsWindows())
            Assert.That(File.GetUnixFileMode(path), Is.EqualTo(unpacked | UnixFileMode.UserExecute | UnixFileMode.GroupExecute));
    }

    [Test]
    public void Launcher_beside_the_program_is_found()
    {
        string path = Path.Combine(_directory, "tunflow-launch");
        File.WriteAllText(path, string.Empty);

        Assert.That(LauncherFile.Find(_directory), Is.EqualTo(path));
    }
}
