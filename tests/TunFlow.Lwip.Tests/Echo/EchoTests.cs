using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Echo;

[TestFixture]
internal sealed class EchoTests : DeviceFixture
{
    private const int Pending = 8;

    private readonly ConcurrentQueue<EchoRequest> _asked = new();
    private EchoHandler _handler = null!;

    protected override LwipDeviceOptions Options => new()
    {
        EchoMode = EchoMode.Handle,
        EchoHandler = (request, token) =>
        {
            _asked.Enqueue(request);
            return _handler(request, token);
        },
        MaxPendingEchoes = Pending,
        EchoTimeout = TimeSpan.FromSeconds(7),
    };

    [SetUp]
    public void AnswerAll()
    {
        _asked.Clear();
        _handler = static (_, _) => new ValueTask<EchoAnswer>(EchoAnswer.Reply);
    }

    [TestCase(4)]
    [TestCase(6)]
    [Weakness(21)]
    public async Task The_reply_leaves_when_the_handler_says_so_and_repeats_the_request(int family)
    {
        TaskCompletionSource<EchoAnswer> probe = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _handler = (_, _) => new ValueTask<EchoAnswer>(probe.Task);
        (IPAddress source, IPAddress destination) = Addresses(family);

        Link.Send(PacketBuilder.EchoRequest(source, destination, 0xABCD, "how far is it?"u8));
        await Eventually.HoldsAsync(() => _asked.Count == 1, "the question");
        await AdvanceAsync(TimeSpan.FromMilliseconds(300));
        Assert.That(Link.PacketCount, Is.Zero, "before the answer is known");
        probe.SetResult(EchoAnswer.Reply);
        ParsedPacket reply = await Link.NextAsync();

        EchoRequest asked = _asked.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((asked.Source, asked.Destination), Is.EqualTo((source, destination)));
            Assert.That((asked.Identifier, asked.HopLimit), Is.EqualTo((0xABCD, 64)));
            Assert.That(asked.Payload.ToArray(), Is.EqualTo("how far is it?"u8.ToArray()));
            Assert.That((reply.Source.Address, reply.Destination.Address), Is.EqualTo((destination, source)));
            Assert.That((reply.IcmpType, reply.IcmpCode), Is.EqualTo(((byte)(family == 4 ? 0 : 129), (byte)0)));
            Assert.That(IdentifierOf(reply), Is.EqualTo((asked.Identifier, asked.SequenceNumber)));
            Assert.That(reply.Payload.ToArray(), Is.EqualTo("how far is it?"u8.ToArray()));
            Assert.That((Statistics.EchoRequests, Statistics.EchoReplies, Statistics.EchoFailures), Is.EqualTo((1L, 1L, 0L)));
        }
    }

    [TestCase(4, NetworkError.HostUnreachable, 3, 1)]
    [TestCase(4, NetworkError.NetworkUnreachable, 3, 0)]
    [TestCase(4, NetworkError.AccessDenied, 3, 13)]
    [TestCase(4, NetworkError.TimedOut, 3, 1)]
    [TestCase(6, NetworkError.HostUnreachable, 1, 3)]
    [TestCase(6, NetworkError.NetworkUnreachable, 1, 0)]
    [TestCase(6, NetworkError.AccessDenied, 1, 1)]
    public async Task What_is_unreachable_becomes_an_ICMP_error_that_quotes_the_request(int family, NetworkError error, int type, int code)
    {
        _handler = (_, _) => new ValueTask<EchoAnswer>(EchoAnswer.Unreachable(error));
        (IPAddress source, IPAddress destination) = Addresses(family);
        byte[] request = PacketBuilder.EchoRequest(source, destination, 5, "x"u8);

        Link.Send(request);
        ParsedPacket answer = await Link.NextAsync();

        Assert.That((answer.IcmpType, answer.IcmpCode), Is.EqualTo(((byte)type, (byte)code)));
        Assert.That(answer.Source.Address, Is.EqualTo(destination));
        Assert.That(answer.Payload.ToArray(), Is.EqualTo(request));
    }

    [Test]
    public async Task No_answer_is_no_packet()
    {
        _handler = (request, _) => new ValueTask<EchoAnswer>(request.Identifier == 1 ? EchoAnswer.None : EchoAnswer.Reply);
        (IPAddress source, IPAddress destination) = Addresses(4);
        Link.Send(PacketBuilder.EchoRequest(source, destination, 1, "x"u8));
        await Eventually.HoldsAsync(() => _asked.Count == 1, "the question");
        Link.Send(PacketBuilder.EchoRequest(source, destination, 2, "y"u8));
        Assert.That(IdentifierOf(await Link.NextAsync()).Identifier, Is.EqualTo(2));
        Assert.That((Link.PacketCount, Statistics.EchoFailures), Is.EqualTo((1L, 0L)));
    }

    [Test]
    public async Task A_handler_that_fails_is_counted_and_the_next_request_is_handled([Values] bool synchronously, [Values] bool network)
    {
        Exception failure = network ? new NetworkException(NetworkError.NetworkUnreachable) : new InvalidDataException("a bug");
        _handler = (request, _) => request.Identifier != 1 ? new ValueTask<EchoAnswer>(EchoAnswer.Reply)
            : synchronously ? throw failure
            : ValueTask.FromException<EchoAnswer>(failure);
        (IPAddress source, IPAddress destination) = Addresses(4);
        Link.Send(PacketBuilder.EchoRequest(source, destination, 1, "x"u8));
        await Eventually.HoldsAsync(() => Statistics.EchoFailures == 1, "the failure");
        Link.Send(PacketBuilder.EchoRequest(source, destination, 2, "y"u8));
        Assert.That(IdentifierOf(await Link.NextAsync()).Identifier, Is.EqualTo(2));
        Assert.That(Statistics.UnexpectedExceptions, Is.EqualTo(network ? 0 : 1));
    }

    [Test]
    public async Task A_handler_has_its_time_and_its_token([Values] bool ignoresItsToken)
    {
        TaskCompletionSource<EchoAnswer> never = new(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationToken given = default;
        _handler = (_, token) =>
        {
            given = token;
            return ignoresItsToken ? new ValueTask<EchoAnswer>(never.Task) : new ValueTask<EchoAnswer>(never.Task.WaitAsync(token));
        };
        (IPAddress source, IPAddress destination) = Addresses(4);
        Link.Send(PacketBuilder.EchoRequest(source, destination, 1, "x"u8));
        await Eventually.HoldsAsync(() => Time.ActiveTimers == 1, "the clock runs");

        Time.Advance(TimeSpan.FromSeconds(7) - TimeSpan.FromTicks(1));
        Assert.That((given.IsCancellationRequested, Statistics.EchoFailures), Is.EqualTo((false, 0L)));
        Time.Advance(TimeSpan.FromTicks(1));

        await Eventually.HoldsAsync(() => given.IsCancellationRequested && Statistics.EchoFailures == 1, "the end of its time");
        never.SetResult(EchoAnswer.Reply);
        _handler = static (_, _) => new ValueTask<EchoAnswer>(EchoAnswer.Reply);
        for (ushort i = 2; i < 2 + Pending; i++)
        {
            Link.Send(PacketBuilder.EchoRequest(source, destination, i, "y"u8));
            Assert.That(IdentifierOf(await Link.NextAsync()).Identifier, Is.EqualTo(i), "its place is free again");
        }

        Assert.That(Link.PacketCount, Is.EqualTo(Pending), "the late answer went nowhere");
        Assert.That((Statistics.UnexpectedExceptions, Time.ActiveTimers), Is.EqualTo((0L, 0)));
    }

    [Test]
    public async Task A_handler_that_blocks_past_its_time_gives_no_answer()
    {
        _handler = (_, _) =>
        {
            Time.Advance(TimeSpan.FromSeconds(7));
            return new ValueTask<EchoAnswer>(EchoAnswer.Reply);
        };
        (IPAddress source, IPAddress destination) = Addresses(4);
        Link.Send(PacketBuilder.EchoRequest(source, destination, 1, "x"u8));

        await Eventually.HoldsAsync(() => Statistics.EchoFailures + Statistics.EchoReplies == 1, "the end of the call");
        Assert.That((Statistics.EchoFailures, Statistics.EchoReplies, Link.PacketCount), Is.EqualTo((1L, 0L, 0L)));
    }

    [Test]
    [AcceptanceRow(39)]
    public async Task No_more_than_the_limit_wait_at_once_and_the_rest_is_dropped_and_counted()
    {
        TaskCompletionSource<EchoAnswer> gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _handler = (_, _) => new ValueTask<EchoAnswer>(gate.Task);
        (IPAddress source, IPAddress destination) = Addresses(4);
        for (ushort i = 0; i < 5 * Pending; i++)
            Link.Send(PacketBuilder.EchoRequest(source, destination, i, "x"u8));
        await Eventually.HoldsAsync(() => _asked.Count == Pending, "the questions");
        Assert.That(Statistics.Drops[PacketDropReason.Echo], Is.EqualTo(4 * Pending));

        gate.SetResult(EchoAnswer.Reply);

        HashSet<int> replied = [];
        for (int i = 0; i < Pending; i++)
            replied.Add(IdentifierOf(await Link.NextAsync()).Identifier);
        Assert.That(replied, Is.EquivalentTo(Enumerable.Range(0, Pending)), "those that came first");
        Assert.That(_asked, Has.Count.EqualTo(Pending));
    }

    [TestCase(EchoMode.Answer)]
    [TestCase(EchoMode.Handle)]
    [AcceptanceRow(39)]
    public async Task A_flood_is_answered_at_the_rate_of_the_options(EchoMode mode)
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions
        {
            TimeProvider = Time, EchoMode = mode, MaxPendingEchoes = 20_000, IcmpPerSecond = 1000,
            EchoHandler = mode == EchoMode.Handle ? _handler : null,
        });
        (IPAddress source, IPAddress destination) = Addresses(4);
        byte[] ping = PacketBuilder.EchoRequest(source, destination, 1, new byte[56]);
        for (int i = 0; i < 10_000; i++)
            await device.WriteAsync(ping);
        await Eventually.HoldsAsync(() => device.GetStatistics() is { } now && now.EchoReplies + now.Drops[PacketDropReason.IcmpLimit] == 10_000, "all of them");
        Assert.That(device.GetStatistics(), Has.Property(nameof(LwipStatistics.EchoReplies)).EqualTo(1000));
    }

    [TestCase(EchoMode.Answer)]
    [TestCase(EchoMode.Handle)]
    public async Task A_ping_in_fragments_gets_its_reply_in_fragments(EchoMode mode)
    {
        await using LwipDevice device = new(Dialer, Proxy, new LwipDeviceOptions
        {
            TimeProvider = Time, EchoMode = mode, EchoHandler = mode == EchoMode.Handle ? Options.EchoHandler : null,
        });
        (IPAddress source, IPAddress destination) = Addresses(4);
        byte[] payload = new byte[4000];
        new Random(4).NextBytes(payload);
        foreach (byte[] fragment in PacketBuilder.Fragment(PacketBuilder.EchoRequest(source, destination, 9, payload), 1480))
            await device.WriteAsync(fragment);

        byte[] whole = new byte[8 + payload.Length];
        byte[] buffer = new byte[1500];
        for (int have = 0; have < whole.Length;)
        {
            int length = await device.ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
            int offset = 8 * (BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(6)) & 0x1FFF);
            buffer.AsSpan(20, length - 20).CopyTo(whole.AsSpan(offset));
            have += length - 20;
        }

        Assert.That(whole[0], Is.Zero, "a reply");
        Assert.That(whole.AsSpan(8).SequenceEqual(payload), Is.True);
        if (mode == EchoMode.Handle)
            Assert.That(_asked.Single().Payload.Span.SequenceEqual(payload), Is.True);
    }

    [Test]
    public async Task Disposal_cancels_what_waits_and_frees_everything([Values] bool ignoresItsToken)
    {
        TaskCompletionSource<EchoAnswer> never = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ConcurrentBag<CancellationToken> given = [];
        _handler = (_, token) =>
        {
            given.Add(token);
            return ignoresItsToken ? new ValueTask<EchoAnswer>(never.Task) : new ValueTask<EchoAnswer>(never.Task.WaitAsync(token));
        };
        (IPAddress source, IPAddress destination) = Addresses(6);
        for (ushort i = 0; i < Pending; i++)
            Link.Send(PacketBuilder.EchoRequest(source, destination, i, new byte[1000]));
        await Eventually.HoldsAsync(() => given.Count == Pending, "the questions");

        await Device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(5));

        await Eventually.HoldsAsync(() => given.All(static token => token.IsCancellationRequested), "the cancellation");
        Assert.That((Device.IsReleased, Link.PacketCount), Is.EqualTo((true, 0L)));
        Assert.That((Statistics.EchoFailures, Statistics.UnexpectedExceptions), Is.EqualTo((0L, 0L)), "the end of the device is nobody's failure");
        never.SetResult(EchoAnswer.Reply);
    }

    [Test]
    public async Task A_handler_may_dispose_the_device()
    {
        _handler = async (_, _) =>
        {
            await Device.DisposeAsync();
            return EchoAnswer.Reply;
        };
        (IPAddress source, IPAddress destination) = Addresses(4);
        Link.Send(PacketBuilder.EchoRequest(source, destination, 1, "x"u8));
        await Link.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        await Eventually.HoldsAsync(() => Device.IsReleased, "the end");
    }

    [Test]
    public void A_handler_and_its_mode_need_each_other()
    {
        Assert.That(new LwipDeviceOptions { EchoMode = EchoMode.Handle }.Validate, Throws.ArgumentException.With.Property("ParamName").EqualTo(nameof(LwipDeviceOptions.EchoHandler)));
        Assert.That(new LwipDeviceOptions { EchoHandler = _handler }.Validate, Throws.ArgumentException);
        Assert.That(new LwipDeviceOptions { EchoMode = (EchoMode)3 }.Validate, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That((EchoAnswer.None, EchoAnswer.Unreachable()), Is.EqualTo((default(EchoAnswer), EchoAnswer.Unreachable(NetworkError.HostUnreachable))));
    }

    [TestCase(-1, 0, 64)]
    [TestCase(65_536, 0, 64)]
    [TestCase(0, -1, 64)]
    [TestCase(0, 65_536, 64)]
    [TestCase(0, 0, -1)]
    [TestCase(0, 0, 256)]
    public void A_request_with_numbers_that_cannot_be_is_refused(int identifier, int sequenceNumber, int hopLimit) => Assert.That(
        () => new EchoRequest(IPAddress.Loopback, IPAddress.Loopback, identifier, sequenceNumber, hopLimit, default),
        Throws.InstanceOf<ArgumentOutOfRangeException>());

    private static (IPAddress Source, IPAddress Destination) Addresses(int family) => family == 4
        ? (IPAddress.Parse("10.9.0.2"), IPAddress.Parse("192.0.2.1"))
        : (IPAddress.Parse("fd09::2"), IPAddress.Parse("2001:db8::1"));

    private static (int Identifier, int Sequence) IdentifierOf(ParsedPacket packet) => (
        BinaryPrimitives.ReadUInt16BigEndian(packet.Raw.AsSpan(packet.Header + 4)),
        BinaryPrimitives.ReadUInt16BigEndian(packet.Raw.AsSpan(packet.Header + 6)));
}
