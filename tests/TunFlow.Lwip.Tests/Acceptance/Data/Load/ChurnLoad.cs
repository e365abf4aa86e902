namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>Clients that connect, echo a few bytes and close, over and over, each in one of the ways to close.</summary>
internal sealed class ChurnLoad
{
    private const int Payload = 100;
    private const ushort FirstPort = 1024;
    private const ushort LastPort = 65_000;

    private readonly Swarm _swarm;
    private readonly LoadDialer _dialer;
    private long _left;
    private long _done;

    public ChurnLoad(Swarm swarm, LoadDialer dialer)
    {
        _swarm = swarm;
        _dialer = dialer;
        foreach (SwarmFlow flow in swarm.Flows)
            flow.OnData = OnData;
    }

    private enum Ending
    {
        ApplicationFirst,
        ServerFirst,
        Reset,
    }

    /// <summary>Connections that ended as they should.</summary>
    public long Done => Volatile.Read(ref _done);

    /// <summary>Runs so many connections; returns when all have ended.</summary>
    public async Task RunAsync(long count, Action? meanwhile = null, int seconds = 120)
    {
        long until = Done + count;
        Volatile.Write(ref _left, count);
        foreach (SwarmFlow flow in _swarm.Flows)
            Next(flow);
        await _swarm.WaitAsync(
            () =>
            {
                meanwhile?.Invoke();
                return Done == until;
            },
            $"{count} connections, of which {Done} ended",
            seconds);
    }

    private void Next(SwarmFlow flow)
    {
        if (Interlocked.Decrement(ref _left) < 0)
            return;
        flow.Restart((ushort)(flow.Port == LastPort ? FirstPort : flow.Port + 1));
        flow.Send(Payload);
        flow.SendSyn();
    }

    /// <summary>On the swarm's reader, for data and for the FIN.</summary>
    private void OnData(SwarmFlow flow)
    {
        Ending ending = (Ending)(flow.Port % 3);
        if (flow.Received == Payload && !flow.Ended)
        {
            if (ending == Ending.ApplicationFirst)
                flow.SendFin();
            else if (ending == Ending.ServerFirst)
                _dialer.Upstreams[flow.Index].Complete();
            else
                End(flow, static self => self.SendReset());
        }
        else if (flow.Ended)
        {
            // After the acknowledgment of the FIN, which leaves when this returns.
            End(flow, ending == Ending.ServerFirst ? static self => self.SendFin() : static _ => { });
        }
    }

    private void End(SwarmFlow flow, Action<SwarmFlow> last)
    {
        flow.AfterPacket = () =>
        {
            last(flow);
            Interlocked.Increment(ref _done);
            Next(flow);
        };
    }
}
