using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;

namespace TunFlow.Network.Resolvers;

/// <summary>Queries over HTTP, and the connections kept for them.</summary>
internal sealed class HttpExchange : IDisposable
{
    private const string MediaType = "application/dns-message";
    private const int MaxMessage = ushort.MaxValue;
    private const int MaxHeaderKilobytes = 16;
    private const int MaxConnections = 4;

    private readonly Uri _uri;
    private readonly string _server;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _timeProvider;
    private readonly HttpConnector _connector;
    private readonly HttpMessageInvoker _http;
    private readonly CancellationTokenSource _disposal;
    private int _disposed;

    public HttpExchange(Uri uri, string server, HttpConnector connector, CancellationTokenSource disposal, TimeSpan timeout, TimeProvider timeProvider)
    {
        _uri = uri;
        _server = server;
        _connector = connector;
        _disposal = disposal;
        _timeout = timeout;
        _timeProvider = timeProvider;
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectCallback = connector.ConnectAsync,
            ConnectTimeout = Timeout.InfiniteTimeSpan,
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            MaxConnectionsPerServer = MaxConnections,
            MaxResponseHeadersLength = MaxHeaderKilobytes,
        });
    }

    public async ValueTask<DnsResponse> RunAsync(DnsQuestion question, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, typeof(HttpsResolver));
        cancellationToken.ThrowIfCancellationRequested();
        using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposal.Token);
        using QueryScope scope = new(_server, _timeout, _timeProvider, ends.Token);

        // Id 0 as RFC 8484 section 4.1 asks: the exchange itself says which answer belongs to which query.
        DnsQueryMessage query = new(question, id: 0, paddedTo: DnsQueryMessage.EncryptedPadding);

        // A kept connection may have died, or been given up, before the handler knows. A query can be repeated, so that is not its caller's concern;
        // whether the connection was a kept one is not to be seen from here, and one repetition does no harm to a new one.
        try
        {
            return await AttemptAsync(query, scope, cancellationToken).ConfigureAwait(false);
        }
        catch (DnsException exception) when (CameFromConnection(exception))
        {
            scope.Stage = DnsStage.Dial;
        }

        return await AttemptAsync(query, scope, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<DnsResponse> AttemptAsync(DnsQueryMessage query, QueryScope scope, CancellationToken cancellationToken)
    {
        using QueryContent content = new(query.Message, scope, _connector);
        try
        {
            scope.Token.ThrowIfCancellationRequested();
            return await PostAsync(query, content, scope).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(exception.Message, exception, cancellationToken);
            }

            ObjectDisposedException.ThrowIf(IsDisposed, typeof(HttpsResolver));
            Exception failure = FindOwn(exception) ?? scope.Translate(exception);
            if (failure is DnsException { Error: NetworkError.TimedOut, Stage: DnsStage.Send or DnsStage.Receive })
            {
                _connector.EndSilent(content.HeardBefore);
            }

            throw failure;
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            // The source itself is left to the collector: a query that is just starting may still link to its token.
            try
            {
                _disposal.Cancel();
            }
            catch (AggregateException exception)
            {
                // Callbacks that a dialer put on its token failed: all of them ran, and everything is cancelled.
                _ = exception;
            }

            _http.Dispose();
        }
    }

    private bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    private async ValueTask<DnsResponse> PostAsync(DnsQueryMessage query, QueryContent content, QueryScope scope)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, _uri)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
            Content = content,
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(MediaType);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(MediaType));

        using HttpResponseMessage response = await _http.SendAsync(request, scope.Token).ConfigureAwait(false);
        scope.Stage = DnsStage.Response;
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw scope.Reject($"is HTTP status {(int)response.StatusCode}");
        }

        if (!string.Equals(response.Content.Headers.ContentType?.MediaType, MediaType, StringComparison.OrdinalIgnoreCase))
        {
            throw scope.Reject($"is of type {response.Content.Headers.ContentType?.MediaType ?? "nothing"}");
        }

        scope.Stage = DnsStage.Receive;
        byte[] answer = new byte[Math.Clamp(response.Content.Headers.ContentLength ?? MaxMessage, 0, MaxMessage) + 1];
        int length;
        using (Stream body = await response.Content.ReadAsStreamAsync(scope.Token).ConfigureAwait(false))
        {
            length = await body.ReadAtLeastAsync(answer, answer.Length, throwOnEndOfStream: false, scope.Token).ConfigureAwait(false);
        }

        scope.Stage = DnsStage.Response;
        return length == answer.Length
            ? throw scope.Reject("is too long")
            : DnsResponseParser.TryParse(answer.AsSpan(0, length), query, response.Headers.Age ?? TimeSpan.Zero, out DnsResponse? parsed, out string problem)
                ? parsed!
                : throw scope.Reject(problem);
    }

    /// <summary>The connection broke, perhaps before it took anything of the query. A stream that the server resets is its answer, and what the connector says of a new connection stands.</summary>
    private static bool CameFromConnection(DnsException exception) =>
        exception is { Stage: DnsStage.Send or DnsStage.Receive, Error: not NetworkError.TimedOut, InnerException: not HttpRequestException { HttpRequestError: HttpRequestError.HttpProtocolError } and not HttpProtocolException }
        || exception is { Stage: DnsStage.Dial, Error: not NetworkError.TimedOut, InnerException: HttpRequestException };

    /// <summary>The handler wraps what the connector threw, which already says everything.</summary>
    private static DnsException? FindOwn(Exception exception)
    {
        for (Exception? inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (inner is DnsException own)
            {
                return own;
            }
        }

        return null;
    }
}
