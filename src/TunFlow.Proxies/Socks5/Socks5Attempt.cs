using System.Net;
using System.Security.Cryptography;
using TunFlow.Network;
using TunFlow.Network.Resolvers;

namespace TunFlow.Proxies;

/// <summary>One connection to a server and the handshake on it. Runs once.</summary>
/// <param name="client">Knows the server.</param>
/// <param name="request">What is asked for.</param>
/// <param name="pipelined">Whether everything is sent at once, before the server has answered anything.</param>
internal sealed class Socks5Attempt(Socks5Client client, Socks5Request request, bool pipelined)
{
    private readonly TaskCompletionSource _sent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Socks5Stage _stage = Socks5Stage.Connect;
    private volatile bool _answered;

    /// <summary>How far it came.</summary>
    public Socks5Stage Stage => _stage;

    /// <summary>Whether the server answered the last thing that it had to understand: it granted the request or refused it, or refused the credentials.</summary>
    public bool Answered => _answered;

    /// <summary>Completes when the first message is with the connection.</summary>
    public Task Sent => _sent.Task;

    /// <summary>Connects and shakes hands. What was opened is disposed, once, if it fails.</summary>
    /// <remarks>Ends with its token, even if the dialer or the connection doesn't listen to it.</remarks>
    public async Task<Socks5Tunnel> RunAsync(CancellationToken cancellationToken)
    {
        StreamConnection connection = await PatientDial.RunAsync(token => client.Dialer.DialStreamAsync(client.Server, token), cancellationToken).ConfigureAwait(false);
        Task<EndPoint?>? handshake = null;
        try
        {
            _stage = Socks5Stage.Method;
            handshake = ShakeHandsAsync(connection, cancellationToken);
            return new Socks5Tunnel(connection, await handshake.WaitAsync(cancellationToken).ConfigureAwait(false));
        }
        catch
        {
            Abandoned.Observe(handshake);
            await Abandoned.DisposeAsync(connection, abort: cancellationToken.IsCancellationRequested).ConfigureAwait(false);
            throw;
        }
    }

    private async Task<EndPoint?> ShakeHandsAsync(StreamConnection connection, CancellationToken cancellationToken)
    {
        Socks5Credentials? credentials = client.Credentials;
        ReadOnlyMemory<byte> asked = request.Message(client.Server as IPEndPoint ?? connection.RemoteEndPoint);
        byte[] message = new byte[3 + (credentials?.MessageLength ?? 0) + asked.Length];
        byte[] answer = new byte[Socks5Protocol.RequestHeaderLength + Socks5Protocol.MaxAddressLength];
        try
        {
            byte method = credentials is null ? Socks5Protocol.NoAuthentication : Socks5Protocol.UserNameAndPassword;
            message[0] = Socks5Protocol.Version;
            message[1] = 1;
            message[2] = method;
            credentials?.Write(message.AsSpan(3));
            int beforeRequest = message.Length - asked.Length;
            asked.Span.CopyTo(message.AsSpan(beforeRequest));

            await connection.WriteAsync(message.AsMemory(0, pipelined ? message.Length : 3), cancellationToken).ConfigureAwait(false);
            _sent.TrySetResult();
            await ReadAsync(connection, answer.AsMemory(0, 2), cancellationToken).ConfigureAwait(false);
            CheckMethod(answer, method);
            if (credentials is not null)
            {
                _stage = Socks5Stage.Authentication;
                if (!pipelined)
                {
                    await connection.WriteAsync(message.AsMemory(3, credentials.MessageLength), cancellationToken).ConfigureAwait(false);
                }

                await ReadAsync(connection, answer.AsMemory(0, 2), cancellationToken).ConfigureAwait(false);
                CheckAuthentication(answer);
            }

            _stage = Socks5Stage.Request;
            if (!pipelined)
            {
                await connection.WriteAsync(message.AsMemory(beforeRequest), cancellationToken).ConfigureAwait(false);
            }

            return await ReadReplyAsync(connection, answer, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(message);
        }
    }

    private void CheckMethod(byte[] answer, byte offered)
    {
        CheckVersion(answer[0], Socks5Protocol.Version);
        if (answer[1] == Socks5Protocol.NoAcceptableMethod)
        {
            throw Fail(NetworkError.AccessDenied, client.Credentials is null ? "asks for an authentication, and there are no credentials" : "does not take a user name and password");
        }

        if (answer[1] != offered)
        {
            throw Fail(NetworkError.ProtocolViolation, $"chose a method of authentication that was not offered ({answer[1]})");
        }
    }

    private void CheckAuthentication(byte[] answer)
    {
        // Some servers put SOCKS' own version here.
        if (answer[0] != Socks5Protocol.Version)
        {
            CheckVersion(answer[0], Socks5Protocol.AuthenticationVersion);
        }

        if (answer[1] != 0)
        {
            _answered = true;
            throw Fail(NetworkError.AccessDenied, "does not accept the user name and password");
        }
    }

    /// <summary>Reads exactly the answer: what follows is the application's.</summary>
    private async ValueTask<EndPoint?> ReadReplyAsync(StreamConnection connection, byte[] answer, CancellationToken cancellationToken)
    {
        // A refusal counts as soon as it is there: some servers send no address with it, or close in the middle.
        await ReadAsync(connection, answer.AsMemory(0, 2), cancellationToken).ConfigureAwait(false);
        CheckVersion(answer[0], Socks5Protocol.Version);
        if (answer[1] != (byte)Socks5Reply.Succeeded)
        {
            _answered = true;
            Socks5Reply reply = (Socks5Reply)answer[1];
            throw new Socks5Exception(_stage, Socks5Replies.ToError(reply), $"The SOCKS5 server {client.Name} refused {request.Description}: {Socks5Replies.Describe(reply)}.") { Reply = reply };
        }

        // The reserved byte, the type, and the first byte of the address.
        const int Start = Socks5Protocol.RequestHeaderLength + 2;
        await ReadAsync(connection, answer.AsMemory(2, Start - 2), cancellationToken).ConfigureAwait(false);
        int length = Socks5Address.Length(answer.AsSpan(Socks5Protocol.RequestHeaderLength, 2));
        if (length == 0)
        {
            throw Fail(NetworkError.ProtocolViolation, $"answered with an address of an unknown type ({answer[Socks5Protocol.RequestHeaderLength]})");
        }

        Memory<byte> address = answer.AsMemory(Socks5Protocol.RequestHeaderLength, length);
        await ReadAsync(connection, address[2..], cancellationToken).ConfigureAwait(false);
        _answered = true;
        return Socks5Address.Decode(address.Span);
    }

    private async ValueTask ReadAsync(StreamConnection connection, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (!buffer.IsEmpty)
        {
            int count = await connection.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            buffer = count > 0 ? buffer[count..] : throw Fail(NetworkError.Closed, "ended the connection during the handshake");
        }
    }

    private void CheckVersion(byte version, byte expected)
    {
        if (version != expected)
        {
            throw Fail(NetworkError.ProtocolViolation, $"broke the protocol: version {version} in its answer instead of {expected}");
        }
    }

    private Socks5Exception Fail(NetworkError error, string problem) => new(_stage, error, $"The SOCKS5 server {client.Name} {problem}.");
}
