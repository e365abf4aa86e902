using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class DnsTruncatePacketProxyConformanceTests : PacketProxyConformance
{
    protected override int OpenUpstreams => 0;

    protected override IPacketProxy Create(ManualTimeProvider time) => new DnsTruncatePacketProxy(new DnsTruncatePacketProxyOptions { TimeProvider = time });

    protected override byte[] ExpectedAnswer(byte[] request)
    {
        byte[] answer = [.. request];
        answer[2] |= 0x82;
        answer[3] &= 0xF0;
        answer[6] = answer[4];
        answer[7] = answer[5];
        return answer;
    }

    /// <summary>The answer is delivered within the send, so a slow receiver makes a slow send.</summary>
    protected override TaskCompletionSource Hold(ConformanceReceiver receiver)
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.OnWrite = _ => new ValueTask(gate.Task);
        return gate;
    }
}
