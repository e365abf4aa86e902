using System.Net;

namespace TunFlow.Proxies.Tests;

/// <summary>Dante's SOCKS server.</summary>
internal static class Dante
{
    public const string UserName = "tester";
    /// <summary>A name that the server alone knows.</summary>
    public const string HostName = "echo.socks.test";

    public const string Password = "correct horse";

    // SHA-512 of crypt(3) of the password above, which is nobody's.
    private const string Hash = "$6$tunflowtest$jYMu/XOVSU9nDFMQtVAuOL9DE8M0l2WgjzZBd5RDRtG8OlKnrnIWi.vgm527s0Qus1Jw2TmL.rjD0mA4gNxJD.";

    /// <summary>Starts one that serves loopback addresses. Its users and hosts are those of the system: it sees lists of its own, in a mount namespace.</summary>
    /// <param name="address">Where it listens.</param>
    /// <param name="authenticated">Whether it asks for a user name and a password.</param>
    /// <param name="folder">A folder for its files.</param>
    public static async Task<ServerProcess> StartAsync(IPAddress address, bool authenticated, string folder)
    {
        string binary = ServerProcess.Find("danted", "dante-server");
        string configuration = Path.Combine(folder, "danted.conf");
        await File.WriteAllTextAsync(Path.Combine(folder, "hosts"), $"{address} {HostName}\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "passwd"), $"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n{UserName}:x:65533:65534::/nonexistent:/bin/false\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "shadow"), $"root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n{UserName}:{Hash}:19000:0:99999:7:::\n");
        return await ServerProcess.StartAsync(address, port =>
        {
            File.WriteAllText(configuration, $$"""
                logoutput: stderr
                internal: {{address}} port = {{port}}
                external: {{address}}
                clientmethod: none
                socksmethod: {{(authenticated ? "username" : "none")}}
                {{(Environment.IsPrivilegedProcess ? "user.privileged: root\nuser.unprivileged: nobody" : "")}}
                client pass { from: 0/0 to: 0/0 }
                socks block { from: 0/0 to: 127.0.0.66/32 }
                socks block { from: 0/0 to: 2001:db8::66/128 }
                socks pass { from: 0/0 to: 0/0 command: connect udpassociate }
                socks pass { from: 0/0 to: 0/0 command: udpreply }

                """);
            string[] command = [binary, "-f", configuration, "-p", Path.Combine(folder, "pid")];
            return
            [
                "unshare", .. Environment.IsPrivilegedProcess ? (string[])[] : ["--user", "--map-root-user"], "--mount",
                "sh", "-c", "for file in passwd shadow hosts; do mount --bind \"$0/$file\" /etc/$file || exit; done; exec \"$@\"", folder, .. command,
            ];
        });
    }
}
