using System.Runtime.InteropServices;
using TunFlow.Network;

namespace TunFlow.Cli.Run;

/// <summary>Finds <c>tunflow-launch</c>.</summary>
internal static class LauncherFile
{
    private const string Name = "tunflow-launch";

    private const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>The launcher's path; the file is executable for somebody.</summary>
    /// <exception cref="NetworkException">There is none for this system, or it cannot be made executable.</exception>
    internal static string Find(string directory)
    {
        string system = RuntimeIdentifier();
        string[] candidates = [Path.Combine(directory, "runtimes", system, "native", Name), Path.Combine(directory, Name)];
        string path = Array.Find(candidates, File.Exists)
            ?? throw new NetworkException(
                NetworkError.NotSupported,
                $"'tunflow run' has no launcher for {system} here: {string.Join(" and ", candidates)} do not exist");
        MakeExecutable(path);
        return path;
    }

    internal static string RuntimeIdentifier()
    {
        // The runtime's own identifier names the build: linux-musl-x64 where the C library is musl.
        string build = RuntimeInformation.RuntimeIdentifier;
        bool musl = build.Contains("musl", StringComparison.Ordinal) || build.StartsWith("alpine", StringComparison.Ordinal);
        return $"linux-{(musl ? "musl-" : string.Empty)}{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
    }

    // Packages carry no file modes; what unpacks them may leave the launcher without the right to be executed.
    private static void MakeExecutable(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        try
        {
            UnixFileMode mode = File.GetUnixFileMode(path);
            if ((mode & Executable) == 0)
                File.SetUnixFileMode(path, mode | (UnixFileMode)((int)(mode & Readable) >> 2));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new NetworkException(
                NetworkError.AccessDenied,
                $"{path} is not executable; its owner can change that: chmod +x {path}",
                exception);
        }
    }
}
