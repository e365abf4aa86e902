using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace TunFlow.Network.Tests;

/// <summary>A real name server, unbound, on free loopback ports, that knows example names only and asks nobody.</summary>
internal sealed class UnboundServer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _folder;
    private readonly Task<string> _errors;

    private UnboundServer(Process process, string folder, int plain, int tls, int https)
    {
        _process = process;
        _folder = folder;
        _errors = process.StandardError.ReadToEndAsync();
        Plain = new IPEndPoint(IPAddress.Loopback, plain);
        Tls = new IPEndPoint(IPAddress.Loopback, tls);
        Https = new IPEndPoint(IPAddress.Loopback, https);
    }

    /// <summary>UDP and TCP.</summary>
    public IPEndPoint Plain { get; }

    public IPEndPoint Tls { get; }

    public IPEndPoint Https { get; }

    private static string? Binary => ((string[])["/usr/sbin/unbound", "/usr/local/sbin/unbound", "/opt/homebrew/sbin/unbound"]).FirstOrDefault(File.Exists);

    public static async Task<UnboundServer> StartAsync(X509Certificate2 certificate)
    {
        if (Binary is not { } binary)
        {
            Assert.Ignore("unbound is not installed (Debian package unbound).");
            throw new InvalidOperationException();
        }

        // The ports were free a moment ago; somebody may have taken one since.
        const int Attempts = 3;
        string problem = "";
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            UnboundServer server = await LaunchAsync(binary, certificate);
            if (await server.ComesUpAsync())
            {
                return server;
            }

            await server.DisposeAsync();
            problem = await server._errors;
        }

        Assert.Fail($"unbound did not start: {problem}");
        throw new InvalidOperationException();
    }

    private static async Task<UnboundServer> LaunchAsync(string binary, X509Certificate2 certificate)
    {
        string folder = Directory.CreateTempSubdirectory("tunflow-unbound").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "key.pem"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        await File.WriteAllTextAsync(Path.Combine(folder, "cert.pem"), certificate.ExportCertificatePem());
        int[] ports = FreePorts(3);
        string text = string.Concat(Enumerable.Range(0, 40).Select(i => $"  local-data: 'many.example. 60 IN TXT \"{i:D3} {new string('x', 90)}\"'\n"));
        await File.WriteAllTextAsync(Path.Combine(folder, "unbound.conf"), $"""
            server:
              interface: 127.0.0.1@{ports[0]}
              interface: 127.0.0.1@{ports[1]}
              interface: 127.0.0.1@{ports[2]}
              tls-port: {ports[1]}
              https-port: {ports[2]}
              tls-service-key: "{folder}/key.pem"
              tls-service-pem: "{folder}/cert.pem"
              access-control: 127.0.0.0/8 allow
              do-daemonize: no
              username: ""
              chroot: ""
              directory: "{folder}"
              pidfile: ""
              use-syslog: no
              num-threads: 1
              max-udp-size: 1232
              local-zone: "." static
              local-data: "host.example. 60 IN A 192.0.2.1"
              local-data: "host.example. 60 IN A 192.0.2.2"
              local-data: "host.example. 60 IN AAAA 2001:db8::1"
              local-data: "four.example. 60 IN A 127.0.0.1"
              local-data: "alias.example. 60 IN CNAME host.example."

            """ + text);
        Process process = Process.Start(new ProcessStartInfo(binary, ["-d", "-c", Path.Combine(folder, "unbound.conf")])
        {
            RedirectStandardError = true,
        })!;
        return new UnboundServer(process, folder, ports[0], ports[1], ports[2]);
    }

    private async Task<bool> ComesUpAsync()
    {
        long start = Stopwatch.GetTimestamp();
        while (!_process.HasExited && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(15))
        {
            if (await AcceptsAsync(Https))
            {
                return true;
            }

            await Task.Delay(20);
        }

        return false;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<bool> AcceptsAsync(IPEndPoint endPoint)
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endPoint);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int[] FreePorts(int count)
    {
        Socket[] sockets = [.. Enumerable.Range(0, count).Select(_ => TunFlow.Testing.TcpLoopback.Listen())];
        int[] ports = Array.ConvertAll(sockets, socket => ((IPEndPoint)socket.LocalEndPoint!).Port);
        Array.ForEach(sockets, socket => socket.Dispose());
        return ports;
    }
}
