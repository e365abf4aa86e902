using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Fakes;

/// <summary>Dials of all fates: refused, at once, after a while; their servers answer, break, or speak all the time.</summary>
internal sealed class StormDialer(ConcurrentBag<FakeUpstream> upstreams) : IStreamDialer
{
    private int _count;

    /// <summary>Everything that was handed out.</summary>
    public ConcurrentBag<FakeUpstream> Upstreams { get; } = upstreams;

    public async ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        int fate = Interlocked.Increment(ref _count) % 10;
        if (fate == 0)
            throw new NetworkException(NetworkError.ConnectionRefused);
        if (fate < 5)
            await Task.Delay(fate, cancellationToken);
        FakeUpstream upstream = new();
        Upstreams.Add(upstream);
        _ = ServeAsync(upstream, fate);
        return upstream;
    }

    private static async Task ServeAsync(FakeUpstream upstream, int fate)
    {
        long received = 0;
        while (true)
        {
            ReadResult result = await upstream.Received.ReadAsync();
            received += result.Buffer.Length;
            upstream.Received.AdvanceTo(result.Buffer.End);
            if (fate == 6 && received > 5000)
                upstream.WriteError = new NetworkException(NetworkError.ConnectionReset);
            if (result.IsCompleted)
                break;
            if (fate is 7 or 8)
                await upstream.Answers.WriteAsync(new byte[2000]);
        }

        if (fate == 9)
            upstream.ReadError = new NetworkException(NetworkError.ConnectionReset);
        await upstream.Answers.WriteAsync(new byte[10_000]);
        await upstream.Answers.CompleteAsync();
    }
}
