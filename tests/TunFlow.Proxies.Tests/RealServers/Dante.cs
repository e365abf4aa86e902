using System.Net;

namespace TunFlow.Proxies.Tests;

/// <summary>Dante's SOCKS server.</summary>
internal static class Dante
{
    public const string UserName = "tester";
    public const string Password = "correct horse";

    // SHA-512 of crypt(3) of the password above, which is nobody's.
    private const string Hash = "$6$tunflowtest$jYMu/XOVSU9nDFMQtVAuOL9DE8M0l2WgjzZBd5RDRtG8OlKnrnIWi.vgm527s0Qus1Jw2TmL.rjD0mA4gNxJD.";

    /// <summary>Starts one that serves loopback addresses. Its users are those of the system: one that asks for them sees a list of its own, in a mount namespace.</summary>
    /// <param name="address">Where it listens.</param>
    /// <param name="authenticated">Whether it asks for a user name and a password.</param>
    /// <param name="folder">A folder for its files.</param>
    public static async Task<ServerProcess> StartAsync(IPAddress address, bool authenticated, string folder)
    {
        string binary = ServerProcess.Find("danted", "dante-server");
        string configuration = Path.Combine(folder, "danted.conf");
        string passwd = Path.Combine(folder, "passwd");
        string shadow = Path.Combine(folder, "shadow");
        await File.WriteAllTextAsync(passwd, $"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n{UserName}:x:65533:65534::/nonexistent:/bin/false\n");
        await File.WriteAllTextAsync(shadow, $"root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n{UserName}:{Hash}:19000:0:99999:7:::\n");
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
                socks pass { from: 0/0 to: 0/0 command: connect udpassociate }
                socks pass { from: 0/0 to: 0/0 command: udpreply }

                """);
            string[] command = [binary, "-f", configuration, "-p", Path.Combine(folder, "pid")];
            return authenticated
                ? ["unshare", .. Environment.IsPrivilegedProcess ? (string[])[] : ["--user", "--map-root-user"], "--mount", "sh", "-c", $"mount --bind '{passwd}' /etc/passwd && mount --bind '{shadow}' /etc/shadow && exec \"$@\"", "sh", .. command]
                : command;
        });
    }
}
