using System.Buffers;
using System.Net;
using System.Runtime.CompilerServices;

namespace TunFlow.Network;

/// <summary>One session of a <see cref="DnsTruncatePacketProxy"/>.</summary>
internal sealed class DnsTruncateSession(IPacketResponseReceiver receiver, IdleSweeper sweeper, DnsTruncateCounters counters)
    : PacketSession(receiver, sweeper, counters)
{
    private const int DnsPort = 53;

    // The largest payload of UDP over IPv6; IPv4 holds 20 bytes less.
    private const int MaxDatagram = 65_527;

    public void Start() => Begin();

    public override ValueTask WriteToAsync(ReadOnlyMemory<byte> payload, IPEndPoint destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (payload.IsEmpty)
        {
            return IgnoreEmpty();
        }

        EnterWrite(destination.Port);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        ThrowIfNotAnswerable(payload.Span, destination);
        byte[] answer = ArrayPool<byte>.Shared.Rent(payload.Length);
        DnsDatagrams.WriteTruncatedAnswer(payload.Span, answer);
        ValueTask delivery;
        try
        {
            delivery = Receiver.WriteFromAsync(answer.AsMemory(0, payload.Length), destination, cancellationToken);
        }
        catch (Exception exception)
        {
            ArrayPool<byte>.Shared.Return(answer);
            throw DeliveryFailed(exception, cancellationToken);
        }

        if (!delivery.IsCompletedSuccessfully)
        {
            return FinishAsync(delivery, answer, cancellationToken);
        }

        delivery.GetAwaiter().GetResult();
        ArrayPool<byte>.Shared.Return(answer);
        Interlocked.Increment(ref counters.QueriesAnswered);
        return ValueTask.CompletedTask;
    }

    protected override ValueTask CloseUpstreamAsync() => ValueTask.CompletedTask;

    private void ThrowIfNotAnswerable(ReadOnlySpan<byte> payload, IPEndPoint destination)
    {
        if (destination.Port != DnsPort)
        {
            Interlocked.Increment(ref counters.DatagramsRefused);
            throw new NetworkException(NetworkError.PortUnreachable, $"UDP port {destination.Port} can't be reached: only DNS queries, to port {DnsPort}, are answered.");
        }

        if (payload.Length < DnsDatagrams.HeaderLength)
        {
            Interlocked.Increment(ref counters.MalformedQueries);
            throw new NetworkException(NetworkError.ProtocolViolation, $"A DNS message has at least {DnsDatagrams.HeaderLength} bytes, not {payload.Length}.");
        }

        if (payload.Length > MaxDatagram)
        {
            throw new NetworkException(NetworkError.MessageTooLarge, $"A datagram has at most {MaxDatagram} bytes, not {payload.Length}.");
        }

        if (DnsDatagrams.IsResponse(payload))
        {
            Interlocked.Increment(ref counters.ResponsesRefused);
            throw new NetworkException(NetworkError.ProtocolViolation, "A DNS response isn't answered.");
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishAsync(ValueTask delivery, byte[] answer, CancellationToken cancellationToken)
    {
        try
        {
            await delivery.ConfigureAwait(false);
            Interlocked.Increment(ref counters.QueriesAnswered);
        }
        catch (Exception exception)
        {
            throw DeliveryFailed(exception, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(answer);
        }
    }

    private Exception DeliveryFailed(Exception exception, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref counters.DroppedByReceiver);
        return Translate(exception, cancellationToken);
    }
}
