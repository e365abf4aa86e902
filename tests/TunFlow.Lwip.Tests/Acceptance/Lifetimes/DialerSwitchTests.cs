using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>The dialer is replaced again and again while applications connect and transfer.</summary>
[TestFixture]
[Category("Lifetime")]
internal sealed class DialerSwitchTests
{
    private const int Applications = 4;

    [AcceptanceRow(37)]
    [TestCase(ExistingFlows.Keep)]
    [TestCase(ExistingFlows.Reset)]
    public async Task Every_flow_belongs_to_one_dialer_which_is_none_from_before_its_SYN(ExistingFlows existing)
    {
        NativeLibraryRequirement.Check();
        Dialers dialers = new();
        LwipDevice device = new(dialers.Next(), new FakePacketProxy());
        await using (device)
        {
            PacketLink link = new(device);
            using CancellationTokenSource stop = new();
            Task<int>[] applications = [.. Enumerable.Range(0, Applications).Select(i => Task.Run(() => LiveAsync(link, i, dialers, existing, stop.Token)))];
            int switches = Campaign.Rounds(300, 10_000);
            for (int i = 0; i < switches; i++)
            {
                NumberedDialer next = dialers.Next();
                device.SetDialer(next, existing);
                // From now on every SYN is this dialer's, or a later one's.
                dialers.Reign(next.Number);
                await Task.Delay(i % 5 == 0 ? 2 : 0, CancellationToken.None);
            }

            // A flow of an earlier dialer is kept to its end, or is gone.
            if (existing == ExistingFlows.Reset)
                await Eventually.HoldsAsync(() => dialers.Upstreams.Where(upstream => upstream.Number < dialers.Reigning).All(static upstream => upstream.Inner.Disposals == 1), "the end of all flows of earlier dialers");
            await stop.CancelAsync();
            int[] flows = await Task.WhenAll(applications).WaitAsync(TimeSpan.FromSeconds(60));
            Assert.That(flows.Sum(), Is.GreaterThan(50), "flows that lived to see something");
            TestContext.Out.WriteLine($"{switches} replacements, {flows.Sum()} flows, {dialers.Upstreams.Length} upstreams");
            await device.DisposeAsync();
            await link.Completion;
        }

        await Eventually.HoldsAsync(() => dialers.Upstreams.All(static upstream => upstream.Inner.Disposals == 1), "one disposal of every upstream");
    }

    /// <summary>Connects, looks who answers, says something, and looks that it is the same one to the end.</summary>
    private static async Task<int> LiveAsync(PacketLink link, int application, Dialers dialers, ExistingFlows existing, CancellationToken stop)
    {
        IPEndPoint server = IPEndPoint.Parse("93.184.216.34:80");
        IPAddress own = IPAddress.Parse($"10.9.0.{10 + application}");
        int seen = 0;
        for (int port = 1024; !stop.IsCancellationRequested; port++)
        {
            TcpPeer peer = link.CreatePeer(server, new IPEndPoint(own, port));
            peer.AllowRetransmissions = true;
            int least = dialers.Reigning;
            if (!await peer.ConnectAsync())
            {
                Assert.That(existing, Is.EqualTo(ExistingFlows.Reset), "a kept dial that was refused");
                continue;
            }

            bool whole = await ExchangeAsync(peer);
            byte[] received = await peer.ReceiveAsync(peer.ReceivedBytes / 4 * 4);
            int[] numbers = [.. received.Chunk(4).Select(static four => BitConverter.ToInt32(four)).Distinct()];
            Assert.That(numbers, Has.Length.LessThanOrEqualTo(1), "dialers that one flow's bytes came from");
            if (numbers.Length == 1)
            {
                Assert.That(numbers[0], Is.GreaterThanOrEqualTo(least), "a dialer that was replaced before the SYN");
                seen++;
            }

            Assert.That(whole || existing == ExistingFlows.Reset, Is.True, "a kept flow lives to its end");
            peer.SendReset();
            peer.Forget();
        }

        return seen;
    }

    /// <summary>False if the flow was reset meanwhile.</summary>
    private static async Task<bool> ExchangeAsync(TcpPeer peer)
    {
        try
        {
            for (int i = 1; i <= 5; i++)
            {
                await peer.SendAsync(new byte[1]);
                await peer.WaitAsync(() => peer.ReceivedBytes >= 4 * i || peer.WasReset);
            }
        }
        catch (IOException)
        {
            return false;
        }

        return !peer.WasReset;
    }

    private sealed class Dialers
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<NumberedUpstream> _upstreams = [];
        private int _count;
        private int _reigning;

        public int Reigning => Volatile.Read(ref _reigning);

        public NumberedUpstream[] Upstreams => [.. _upstreams];

        public NumberedDialer Next() => new(_count++, _upstreams);

        public void Reign(int number) => Volatile.Write(ref _reigning, number);
    }

    private sealed class NumberedDialer(int number, System.Collections.Concurrent.ConcurrentQueue<NumberedUpstream> upstreams) : IStreamDialer
    {
        public int Number { get; } = number;

        public async ValueTask<StreamConnection> DialStreamAsync(EndPoint remote, CancellationToken cancellationToken = default)
        {
            // Some dials are still under way when their dialer is replaced.
            if (Random.Shared.Next(2) == 0)
                await Task.Delay(1, cancellationToken);
            NumberedUpstream upstream = new(Number);
            upstreams.Enqueue(upstream);
            return upstream.Inner;
        }
    }

    /// <summary>Answers each byte with its dialer's number.</summary>
    private sealed class NumberedUpstream
    {
        public NumberedUpstream(int number)
        {
            Number = number;
            _ = AnswerAsync();
        }

        public int Number { get; }

        public FakeUpstream Inner { get; } = new();

        private async Task AnswerAsync()
        {
            while (true)
            {
                System.IO.Pipelines.ReadResult result = await Inner.Received.ReadAsync();
                for (long i = 0; i < result.Buffer.Length; i++)
                    await Inner.Answers.WriteAsync(BitConverter.GetBytes(Number));
                Inner.Received.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                    return;
            }
        }
    }
}
