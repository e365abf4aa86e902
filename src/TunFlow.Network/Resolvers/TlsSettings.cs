using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace TunFlow.Network.Resolvers;

/// <summary>The client side of TLS as the resolvers need it.</summary>
/// <param name="serverName">Who the server must prove to be; also the SNI, unless it is an address.</param>
internal sealed class TlsSettings(string serverName)
{
    public X509ChainPolicy? ChainPolicy { get; init; }

    public RemoteCertificateValidationCallback? CertificateValidation { get; init; }

    /// <summary>Does the handshake.</summary>
    /// <param name="connection">What carries it; owned by the result, and disposed if the handshake fails.</param>
    /// <param name="protocols">What to offer by ALPN.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async ValueTask<SslStream> ConnectAsync(Stream connection, List<SslApplicationProtocol>? protocols, CancellationToken cancellationToken)
    {
        SslStream tls = new(connection, leaveInnerStreamOpen: false);
        try
        {
            SslClientAuthenticationOptions options = new()
            {
                TargetHost = serverName,
                ApplicationProtocols = protocols,
                CertificateChainPolicy = ChainPolicy?.Clone() ?? DefaultPolicy(),
                RemoteCertificateValidationCallback = CertificateValidation,
            };
            await tls.AuthenticateAsClientAsync(options, cancellationToken).ConfigureAwait(false);
            return tls;
        }
        catch (Exception exception)
        {
            await tls.DisposeAsync().ConfigureAwait(false);

            // How the platform tells that the connection ended in the middle of the handshake; what the connection itself throws says more than this.
            if (exception.GetType() == typeof(IOException) && exception.InnerException is null)
            {
                throw new EndOfStreamException("The server ended the TLS handshake.", exception);
            }

            throw;
        }
    }

    // The platform would fetch missing certificates and revocation lists by connections of its own, past every dialer and configurator.
    private static X509ChainPolicy DefaultPolicy() => new() { DisableCertificateDownloads = true, RevocationMode = X509RevocationMode.NoCheck };
}
