using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

/// <summary>Two ends of a TLS session over loopback.</summary>
internal static class TlsLoopback
{
    private static readonly Lazy<X509Certificate2> s_certificate = new(CreateCertificate);

    public static async Task<(SslStream Client, SslStream Server)> AuthenticateAsync(Stream client, Stream server)
    {
        SslStream clientTls = new(client);
        SslStream serverTls = new(server);
        await Task.WhenAll(
            clientTls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "test",
                RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == s_certificate.Value.GetCertHashString(),
            }),
            serverTls.AuthenticateAsServerAsync(s_certificate.Value)).WaitAsync(TimeSpan.FromSeconds(20));
        return (clientTls, serverTls);
    }

    /// <summary>Adapted over connections that know how to reset.</summary>
    public static async Task<(StreamConnection Client, StreamConnection Server)> ConnectAsync()
    {
        (Socket clientSocket, Socket serverSocket) = await TcpLoopback.ConnectSocketsAsync();
        StreamConnection client = StreamConnection.Create(clientSocket);
        StreamConnection server = StreamConnection.Create(serverSocket);
        (SslStream clientTls, SslStream serverTls) = await AuthenticateAsync(client, server);
        return (StreamConnection.Create(clientTls, new StreamConnectionOptions { Transport = client }),
            StreamConnection.Create(serverTls, new StreamConnectionOptions { Transport = server }));
    }

    private static X509Certificate2 CreateCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=test", key, HashAlgorithmName.SHA256);
        using X509Certificate2 temporary = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(temporary.Export(X509ContentType.Pfx), null);
    }
}
