using System.ComponentModel;
using System.Diagnostics;

namespace TunFlow.Testing.Captures;

/// <summary>Wireshark's terminal program, as the judge of capture files.</summary>
public static class Tshark
{
    private static readonly Lazy<string?> s_missing = new(FindWhyMissing);

    /// <summary>Skips the test, with the reason, where tshark is missing.</summary>
    public static void Require()
    {
        if (s_missing.Value is { } reason)
        {
            Assert.Ignore(reason);
        }
    }

    /// <summary>The fields of every packet, one row each. All checksums are verified.</summary>
    public static async Task<string[][]> ReadFieldsAsync(string path, params string[] fields)
    {
        string[] arguments = [.. Verify(path), "-T", "fields", "-E", "separator=|", "-E", "occurrence=a", .. fields.SelectMany(field => new[] { "-e", field })];
        (int code, string output, string errors) = await RunAsync(arguments).ConfigureAwait(false);
        Assert.That(code, Is.Zero, errors);
        return Rows(output);
    }

    /// <summary>The same for a file that may be cut off: tshark then says so and exits with 2.</summary>
    public static async Task<(string[][] Rows, string Errors)> ReadFieldsOfBrokenAsync(string path, params string[] fields)
    {
        string[] arguments = [.. Verify(path), "-T", "fields", "-E", "separator=|", .. fields.SelectMany(field => new[] { "-e", field })];
        (_, string output, string errors) = await RunAsync(arguments).ConfigureAwait(false);
        return (Rows(output), errors);
    }

    /// <summary>What tshark prints with these arguments.</summary>
    public static async Task<string> ReadAsync(string path, params string[] arguments)
    {
        (int code, string output, string errors) = await RunAsync([.. Verify(path), .. arguments]).ConfigureAwait(false);
        Assert.That(code, Is.Zero, errors);
        return output;
    }

    private static string[] Verify(string path) =>
    [
        "-n", "-r", path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
    ];

    private static string[][] Rows(string output) => [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('|'))];

    private static string? FindWhyMissing()
    {
        try
        {
            (int code, _, string errors) = RunAsync(["--version"]).GetAwaiter().GetResult();
            return code == 0 ? null : "tshark doesn't run: " + errors;
        }
        catch (Win32Exception)
        {
            return "needs tshark (Debian package tshark), to read what was captured";
        }
    }

    private static async Task<(int Code, string Output, string Errors)> RunAsync(IEnumerable<string> arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("tshark", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60)).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            process.Kill();
            throw;
        }

        return (process.ExitCode, await output.ConfigureAwait(false), await errors.ConfigureAwait(false));
    }
}
