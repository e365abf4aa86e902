using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>The inner session for everything that isn't intercepted. Only its opening is limited in time; afterwards the default proxy decides when it ends.</summary>
internal class DnsInterceptDefault(DnsInterceptSession session, CancellationTokenSource cancellation) : DnsInterceptChild(session, cancellation)
{
    protected override bool CanTimeOut => !IsReady;

    public override ValueTask WriteFromAsync(ReadOnlyMemory<byte> payload, IPEndPoint source, CancellationToken cancellationToken = default)
    {
        ThrowIfEnded();
        ValueTask delivery;
        try
        {
            delivery = Session.Receiver.WriteFromAsync(payload, source, cancellationToken);
        }
        catch (Exception exception)
        {
            Session.NoteDeliveryError(exception);
            throw;
        }

        if (!delivery.IsCompletedSuccessfully)
        {
            return FinishAsync(delivery);
        }

        delivery.GetAwaiter().GetResult();
        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishAsync(ValueTask delivery)
    {
        try
        {
            await delivery.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Session.NoteDeliveryError(exception);
            throw;
        }
    }
}
