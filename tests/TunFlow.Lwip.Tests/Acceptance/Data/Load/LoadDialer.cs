using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using TunFlow.Network;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>Gives each client of a <see cref="Swarm"/> an upstream that knows the client's pattern.</summary>
internal sealed class LoadDialer : IStreamDialer
{
    private int _calls;

    /// <summary>Whether upstreams echo.</summary>
    public bool Echoes { get; init; }

    /// <summary>What their echo may have under way.</summary>
    public int EchoRoom { get; init; } = 64 * 1024;

    /// <summary>Whether upstreams compute the SHA-256 of what they get.</summary>
    public bool Hashes { get; init; }

    /// <summary>Whether writes to the upstreams of new connections wait.</summary>
    public bool Stopped { get; set; }

    /// <summary>How long a dial takes.</summary>
    public Func<CancellationToken, ValueTask>? Delay { get; init; }

    /// <summary>The latest upstream of each client.</summary>
    public ConcurrentDictionary<int, LoadUpstream> Upstreams { get; } = new();

    public int Calls => Volatile.Read(ref _calls);

    public async ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _calls);
        int client = IndexOf(((IPEndPoint)remote).Address);
        if (Delay is { } delay)
            await delay(cancellationToken);
        LoadUpstream upstream = new(client, Hashes) { Echoes = Echoes, EchoRoom = EchoRoom, Stopped = Stopped };
        Upstreams[client] = upstream;
        return upstream;
    }

    private static int IndexOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[4];
        return address.TryWriteBytes(bytes, out _) ? (int)(BinaryPrimitives.ReadUInt32BigEndian(bytes) - Swarm.FirstServer) : -1;
    }
}
