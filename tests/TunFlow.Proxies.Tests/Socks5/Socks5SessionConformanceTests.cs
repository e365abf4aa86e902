using System.Net;

namespace TunFlow.Proxies.Tests;

/// <summary>The sessions of a network stack over associations.</summary>
internal sealed class Socks5SessionConformanceTests : UpstreamPacketProxyConformance
{
    private ScriptedServer _server = null!;
    private ScriptedRelay _relay = null!;
    private TaskCompletionSource _end = null!;
    private TaskCompletionSource? _gate;
    private Exception? _openError;

    protected override int OpenUpstreams =>
        _server.Connections.Count(connection => connection.DisposeCount != 1) + _relay.Sockets.ToArray().Count(socket => socket.DisposeCount != 1);

    protected override IPacketProxy Create(ManualTimeProvider time)
    {
        (_gate, _openError) = (null, null);
        TaskCompletionSource end = _end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _server = new ScriptedServer(async (peer, _) =>
        {
            await peer.WriteAsync(SocksWire.Grant(true, SocksWire.BoundIPv4));
            await end.Task;
        });
        _relay = new ScriptedRelay { OnOpened = socket => socket.OnSend = token => HoldAsync(socket, token), Answer = Answer };
        IStreamDialer dialer = StreamDialer.FromFunc((remote, token) => _openError is { } error ? throw error : _server.DialStreamAsync(remote, token));
        Socks5PacketListener listener = new(dialer, _relay, ScriptedServer.EndPoint, SocksWire.Credentials) { TimeProvider = time };
        return new PacketListenerProxy(listener, new PacketListenerProxyOptions { TimeProvider = time });
    }

    protected override TaskCompletionSource Hold(ConformanceReceiver receiver) => _gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    protected override byte[] ExpectedAnswer(byte[] request)
    {
        byte[] answer = [.. request];
        answer[2] |= 0x80;
        return answer;
    }

    protected override Task EndUpstreamsAsync()
    {
        _end.TrySetResult();
        return Task.CompletedTask;
    }

    protected override void FailToOpen(Exception? exception) => _openError = exception;

    // From whom the request went to: with the header of the request.
    private byte[] Answer(byte[] datagram)
    {
        int header = SocksUdpServer.Header(Destination).Length;
        Assert.That(datagram[..header], Is.EqualTo(SocksUdpServer.Header(Destination)));
        return [.. datagram[..header], .. ExpectedAnswer(datagram[header..])];
    }

    private async ValueTask HoldAsync(ScriptedRelaySocket socket, CancellationToken cancellationToken)
    {
        if (_gate is { } gate)
        {
            await Task.WhenAny(gate.Task, socket.Disposed).WaitAsync(cancellationToken);
        }
    }
}
