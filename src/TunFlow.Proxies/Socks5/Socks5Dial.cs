using TunFlow.Network;
using TunFlow.Network.Resolvers;

namespace TunFlow.Proxies;

/// <summary>One request to a server: everything at once, and in the strict order where the server doesn't cope with that. Runs once.</summary>
/// <remarks>
/// Theory of operation. Some servers take what comes with the first message for a part of it: they drop it and wait, close, or answer nonsense. A failure
/// that may come of that is repeated in the strict order. Waiting looks the same as a slow destination, so after <see cref="Socks5Client.FallbackDelay"/>
/// the strict attempt runs beside the first, and whichever is answered first, granted or refused, counts. What was learned is the client's: a server
/// that answered everything at once is not asked twice again, one that answered in the strict order only is asked in no other way.
/// </remarks>
internal sealed class Socks5Dial(Socks5Client client, Socks5Request request)
{
    private readonly Socks5Attempt _pipelined = new(client, request, pipelined: true);
    private readonly Socks5Attempt _strict = new(client, request, pipelined: false);
    private volatile Socks5Attempt? _last;

    /// <summary>How far it came.</summary>
    public Socks5Stage Stage => _last?.Stage ?? Socks5Stage.Connect;

    public async Task<Socks5Tunnel> RunAsync(CancellationToken cancellationToken)
    {
        if (client.Pipelining is Socks5Pipelining.Off)
        {
            _last = _strict;
            return await _strict.RunAsync(cancellationToken).ConfigureAwait(false);
        }

        using CancellationTokenSource losing = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _last = _pipelined;
        Task<Socks5Tunnel> pipelined = _pipelined.RunAsync(losing.Token);
        await WaitForFirstAsync(pipelined).ConfigureAwait(false);
        if (pipelined.IsCompleted && (IsDecided(pipelined, _pipelined) || _pipelined.Stage is Socks5Stage.Connect || cancellationToken.IsCancellationRequested))
        {
            Learn(_pipelined, pipelined);
            return await pipelined.ConfigureAwait(false);
        }

        Task<Socks5Tunnel> strict = _strict.RunAsync(losing.Token);
        _last = _strict;
        Task<Socks5Tunnel> winner = await ChooseAsync(pipelined, strict).ConfigureAwait(false);
        (Socks5Attempt attempt, Task<Socks5Tunnel> loser) = winner == strict ? (_strict, pipelined) : (_pipelined, strict);
        _last = attempt;
        Learn(attempt, winner);

        // What dialers hung on the token may throw.
        await losing.CancelAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ = Abandoned.DisposeLateAsync(loser);
        return await winner.ConfigureAwait(false);
    }

    private static bool IsDecided(Task task, Socks5Attempt attempt) => task.IsCompletedSuccessfully || (task.IsCompleted && attempt.Answered);

    /// <summary>Waits for the end, but for a server that isn't known not longer than the delay.</summary>
    private async Task WaitForFirstAsync(Task pipelined)
    {
        if (client.Pipelining is Socks5Pipelining.Unknown)
        {
            await Task.WhenAny(_pipelined.Sent, pipelined).ConfigureAwait(false);
            using TimeLimit delay = new(Socks5Client.FallbackDelay, client.TimeProvider);
            await pipelined.WaitAsync(delay.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        else
        {
            await pipelined.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The first that is decided, or the strict one if none is.</summary>
    private async Task<Task<Socks5Tunnel>> ChooseAsync(Task<Socks5Tunnel> pipelined, Task<Socks5Tunnel> strict)
    {
        Task<Socks5Tunnel> first = await Task.WhenAny(pipelined, strict).ConfigureAwait(false);
        if (IsDecided(first, first == strict ? _strict : _pipelined))
        {
            return first;
        }

        await Task.WhenAll((Task)pipelined, strict).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !IsDecided(strict, _strict) && IsDecided(pipelined, _pipelined) ? pipelined : strict;
    }

    private void Learn(Socks5Attempt attempt, Task task)
    {
        if (IsDecided(task, attempt))
        {
            client.Pipelining = attempt == _pipelined ? Socks5Pipelining.Works : Socks5Pipelining.Off;
        }
        else if (_pipelined.Stage is not Socks5Stage.Connect)
        {
            client.DoubtPipelining();
        }
    }
}
