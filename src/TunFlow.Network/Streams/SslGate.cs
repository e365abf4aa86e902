using System.Diagnostics.CodeAnalysis;
using System.Net.Security;

namespace TunFlow.Network;

/// <summary>Keeps the shutdown of a TLS session apart from its reads.</summary>
/// <remarks>
/// An <see cref="SslStream"/> guards decrypting against encrypting, but not against <see cref="SslStream.ShutdownAsync"/>: run at once, the two corrupt
/// the native session and with it the heap. So whoever reads holds the gate, and whoever shuts down asks the reader to leave: the read is cancelled where
/// it waits for the transport, which loses nothing as a record stays in the stream's buffer until it is whole, and starts again afterwards.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Neither field has a handle or a timer, and a read that is just ending may still look at them.")]
internal sealed class SslGate(SslStream stream)
{
    private readonly SemaphoreSlim _gate = new(1);
    private CancellationTokenSource _leave = new();

    public async Task<int> ReadAsync(Memory<byte> buffer)
    {
        while (true)
        {
            await _gate.WaitAsync().ConfigureAwait(false);
            CancellationToken leave = _leave.Token;
            try
            {
                return await stream.ReadAsync(buffer, leave).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (leave.IsCancellationRequested)
            {
                // Whoever asked is first in the row for the gate.
                continue;
            }
            finally
            {
                _gate.Release();
            }
        }
    }

    /// <summary>Sends close_notify.</summary>
    public async Task ShutdownAsync()
    {
        Task entered = _gate.WaitAsync();
        if (!entered.IsCompleted)
        {
            await _leave.CancelAsync().ConfigureAwait(false);
        }

        await entered.ConfigureAwait(false);
        try
        {
            _leave = new CancellationTokenSource();
            await stream.ShutdownAsync().ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }
}
