using System.Net;
using TunFlow.Testing;

namespace TunFlow.Network.Tests;

internal sealed class DnsTruncatePacketProxyTests
{
    private static readonly IPEndPoint s_resolver = IPEndPoint.Parse("8.8.8.8:53");

    private readonly ManualTimeProvider _time = new();
    private DnsTruncatePacketProxy _proxy = null!;
    private RecordingReceiver _receiver = null!;
    private IPacketRequestSender _sender = null!;

    [SetUp]
    public async Task OpenAsync()
    {
        _proxy = new DnsTruncatePacketProxy(new DnsTruncatePacketProxyOptions { TimeProvider = _time });
        _receiver = new RecordingReceiver();
        _sender = await _proxy.NewSessionAsync(_receiver);
    }

    [TearDown]
    public async Task CloseAsync()
    {
        await _sender.DisposeAsync();
        Assert.That((_receiver.DisposeCount, _time.ActiveTimers), Is.EqualTo((1, 0)));
    }

    [TestCase("8.8.8.8")]
    [TestCase("2001:4860:4860::8888")]
    [TestCase("::ffff:8.8.8.8")]
    public async Task A_query_with_two_questions_and_edns_gets_exactly_the_truncated_answer(string address)
    {
        // ID 1234, RD and AD, two questions, one additional record: A example.com, AAAA example.com, OPT with 4096 bytes and DO.
        byte[] query = Convert.FromHexString(
            "12340120000200000000000107" + "6578616D706C6503636F6D0000010001" + "076578616D706C6503636F6D00001C0001" + "0000291000000080000000");
        byte[] answer = Convert.FromHexString(
            "12348320000200020000000107" + "6578616D706C6503636F6D0000010001" + "076578616D706C6503636F6D00001C0001" + "0000291000000080000000");
        IPEndPoint resolver = new(IPAddress.Parse(address), 53);
        await _sender.WriteToAsync(query, resolver);
        (byte[] payload, IPEndPoint source) = await _receiver.NextAsync();
        Assert.That(payload, Is.EqualTo(answer));
        Assert.That(source, Is.SameAs(resolver));
    }

    [Test]
    public async Task Every_header_bit_but_those_that_make_it_a_truncated_answer_is_echoed()
    {
        for (int flags = 0; flags < 0x8000; flags += 0x0137)
        {
            byte[] query = [0xAB, 0xCD, (byte)(flags >> 8), (byte)flags, 0xFE, 0xDC, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66];
            await _sender.WriteToAsync(query, s_resolver);
            byte[] answer = [0xAB, 0xCD, (byte)((flags >> 8) | 0x82), (byte)(flags & 0xF0), 0xFE, 0xDC, 0xFE, 0xDC, 0x33, 0x44, 0x55, 0x66];
            Assert.That((await _receiver.NextAsync()).Payload, Is.EqualTo(answer), $"flags {flags:X4}");
        }
    }

    [TestCase(12)]
    [TestCase(13)]
    [TestCase(511)]
    [TestCase(512)]
    [TestCase(513)]
    [TestCase(1472)]
    [TestCase(2049)]
    [TestCase(65_507)]
    [TestCase(65_527)]
    public async Task A_query_of_any_length_is_answered_whole(int length)
    {
        byte[] query = StreamTransfer.Bytes(length, length);
        query[2] &= 0x7F;
        await _sender.WriteToAsync(query, s_resolver);
        byte[] expected = [.. query];
        expected[2] |= 0x82;
        expected[3] &= 0xF0;
        (expected[6], expected[7]) = (expected[4], expected[5]);
        Assert.That((await _receiver.NextAsync()).Payload.AsSpan().SequenceEqual(expected), Is.True);
    }

    [Test]
    public async Task More_than_a_datagram_is_too_large() =>
        await AssertFailsAsync(new byte[65_528], s_resolver, NetworkError.MessageTooLarge);

    [TestCase(1)]
    [TestCase(11)]
    public async Task Less_than_a_header_is_a_protocol_violation_without_an_answer_and_the_session_goes_on(int length)
    {
        await AssertFailsAsync(new byte[length], s_resolver, NetworkError.ProtocolViolation);
        Assert.That((_receiver.Waiting, _proxy.GetStatistics().MalformedQueries), Is.EqualTo((0, 1L)));
        await _sender.WriteToAsync(new byte[12], s_resolver);
        Assert.That((await _receiver.NextAsync()).Payload, Is.EqualTo(new byte[] { 0, 0, 0x82, 0, 0, 0, 0, 0, 0, 0, 0, 0 }));
    }

    [TestCase(54)]
    [TestCase(52)]
    [TestCase(853)]
    [TestCase(443)]
    [TestCase(5353)]
    public async Task Another_port_is_unreachable_without_an_answer_and_the_error_names_it(int port)
    {
        NetworkException exception = await AssertFailsAsync(new byte[12], new IPEndPoint(s_resolver.Address, port), NetworkError.PortUnreachable);
        Assert.That(exception.Message, Does.Contain($" {port} "));
        Assert.That((_receiver.Waiting, _proxy.GetStatistics().DatagramsRefused), Is.EqualTo((0, 1L)));
        await _sender.WriteToAsync(new byte[12], s_resolver);
        await _receiver.NextAsync();
    }

    [Test]
    public async Task The_port_is_checked_before_the_length() =>
        await AssertFailsAsync(new byte[3], new IPEndPoint(s_resolver.Address, 443), NetworkError.PortUnreachable);

    [Test]
    public async Task Being_closed_is_checked_before_the_port()
    {
        await _sender.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await _sender.WriteToAsync(new byte[3], new IPEndPoint(s_resolver.Address, 443)));
        Assert.That(_proxy.GetStatistics().DatagramsRefused, Is.Zero);
    }

    [Test]
    public async Task A_response_is_not_answered()
    {
        byte[] response = new byte[12];
        response[2] = 0x80;
        await AssertFailsAsync(response, s_resolver, NetworkError.ProtocolViolation);
        Assert.That((_receiver.Waiting, _proxy.GetStatistics().ResponsesRefused), Is.EqualTo((0, 1L)));
    }

    [Test]
    public async Task Queries_of_many_sessions_at_once_get_exactly_their_answers()
    {
        await Task.WhenAll(Enumerable.Range(0, 20).Select(session => Task.Run(async () =>
        {
            RecordingReceiver receiver = new();
            await using IPacketRequestSender sender = await _proxy.NewSessionAsync(receiver);
            await Task.WhenAll(Enumerable.Range(0, 20).Select(query => Task.Run(async () =>
                await sender.WriteToAsync(new byte[] { (byte)session, (byte)query, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9 }, s_resolver))));
            HashSet<byte> seen = [];
            for (int i = 0; i < 20; i++)
            {
                byte[] answer = (await receiver.NextAsync()).Payload;
                seen.Add(answer[1]);
                Assert.That(answer, Is.EqualTo(new byte[] { (byte)session, answer[1], 0x83, 0, 0, 1, 0, 1, 0, 0, 0, 0, 9 }));
            }

            Assert.That(seen, Has.Count.EqualTo(20));
        })));
        Assert.That(_proxy.GetStatistics(), Has.Property("QueriesAnswered").EqualTo(400).And.Property("SessionsOpened").EqualTo(21));
    }

    [Test]
    public async Task What_the_receiver_throws_is_the_senders_error_and_is_counted()
    {
        _receiver.OnWrite = _ => throw new NetworkException(NetworkError.AddressNotAvailable);
        await AssertFailsAsync(new byte[12], s_resolver, NetworkError.AddressNotAvailable);
        _receiver.OnWrite = async _ =>
        {
            await Task.Yield();
            throw new InvalidOperationException("slow and failing");
        };
        await AssertFailsAsync(new byte[12], s_resolver, NetworkError.Unknown);
        _receiver.OnWrite = null;
        await _sender.WriteToAsync(new byte[12], s_resolver);
        Assert.That(_proxy.GetStatistics(), Has.Property("QueriesAnswered").EqualTo(1).And.Property("DroppedByReceiver").EqualTo(2));
    }

    [Test]
    public async Task A_slow_receiver_delays_only_its_own_query_and_keeps_its_bytes()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        byte[]? seen = null;
        _receiver.OnWrite = async payload =>
        {
            if (payload.Span[1] == 1)
            {
                await gate.Task;
                seen = payload.ToArray();
            }
        };
        byte[] slow = new byte[600];
        slow[1] = 1;
        Task first = _sender.WriteToAsync(slow, s_resolver).AsTask();
        for (int i = 0; i < 100; i++)
        {
            // Would be in the same buffer if the first one's had been given back.
            byte[] other = new byte[600];
            Array.Fill(other, (byte)0x55);
            await _sender.WriteToAsync(other, s_resolver);
        }

        Assert.That(first.IsCompleted, Is.False);
        gate.SetResult();
        await first.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(seen!.Skip(12).All(value => value == 0), Is.True);
    }

    [Test]
    public async Task A_session_ends_ten_seconds_after_its_last_query_and_not_before()
    {
        Assert.That(_proxy.IdleTimeout, Is.EqualTo(TimeSpan.FromSeconds(10)));
        for (int i = 0; i < 5; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(9));
            await _sender.WriteToAsync(new byte[12], s_resolver);
        }

        _time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.That(_receiver.DisposeCount, Is.Zero);
        _time.Advance(TimeSpan.FromSeconds(0.5));
        await _receiver.Disposed.WaitAsync(TimeSpan.FromSeconds(10));
        await AssertFailsAsync(new byte[12], s_resolver, NetworkError.Closed);
        Assert.That(_proxy.GetStatistics(), Has.Property("ActiveSessions").EqualTo(0).And.Property("SessionsExpired").EqualTo(1));
    }

    [Test]
    public void Options_are_checked()
    {
        Assert.That(() => new DnsTruncatePacketProxyOptions { IdleTimeout = TimeSpan.Zero }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new DnsTruncatePacketProxyOptions { IdleTimeout = TimeSpan.FromSeconds(-1) }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new DnsTruncatePacketProxyOptions { TimeProvider = null! }, Throws.ArgumentNullException);
        Assert.That(new DnsTruncatePacketProxy().IdleTimeout, Is.EqualTo(TimeSpan.FromSeconds(10)));
    }

    private async Task<NetworkException> AssertFailsAsync(byte[] payload, IPEndPoint destination, NetworkError error)
    {
        NetworkException exception = await Assert.ThrowsAsync<NetworkException>(async () => await _sender.WriteToAsync(payload, destination));
        Assert.That(exception.Error, Is.EqualTo(error), exception.ToString());
        return exception;
    }
}
