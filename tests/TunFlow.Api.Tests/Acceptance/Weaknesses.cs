namespace TunFlow.Api.Tests.Acceptance;

/// <summary>What the Go original does wrong, and what holds here instead.</summary>
internal static class Weaknesses
{
    internal static IReadOnlyList<Promise> All { get; } =
    [
        new(1, "one upstream that does not read blocks packets, timers and every other flow", "a flow whose upstream hangs closes its own window; within 100 ms others connect, and datagrams are answered; nothing is lost when it goes on"),
        new(2, "answers of UDP over IPv6 vanish and count as sent", "echo and DNS over IPv6, answers in fragments; an answer that cannot be carried is an error to its sender"),
        new(3, "a writer sleeps through its wake-up: gaps of 4 seconds", "a download beside busy threads has no gap above 250 ms"),
        new(4, "freed memory is used while flows end: the process aborts", "storms of opening, sending, aborting, disposing from 8 threads over a native library with address sanitizer; closing is idempotent and parallel"),
        new(5, "sessions and connections without bound or end", "100,000 one-shot queries leave no session and no memory; hard caps, the least recently used session makes room"),
        new(6, "a short malformed packet ends the process", "each length 0 to 64 with each version number, then random and mutated packets: dropped and counted, never an exception"),
        new(7, "a slow session opening blocks the packet thread and opens two sessions", "an opening of a second delays no write by 5 ms and no other flow; one session for each source port; early datagrams arrive in order from a bounded queue, the rest is counted"),
        new(8, "of what an application sends during a dial, all but the first segment is dropped", "30 KiB sent during the dial arrive right after it without retransmission"),
        new(9, "the SYN is answered before the dial: ports look open, Happy Eyeballs breaks", "default: no SYN-ACK before the dial succeeded, RST or ICMP if it failed, one dial however often the SYN comes; two other modes, one dials at the first payload or after a second"),
        new(10, "dials are neither cancelled nor limited", "the application's RST or FIN, the timeout and disposal fire the dial's token within 100 ms"),
        new(11, "upstreams are left to the garbage collector", "each ending disposes the upstream exactly once"),
        new(12, "errors become clean ends, in both directions", "an upstream's error is an RST behind the bytes before it; an application's RST aborts the upstream within a second"),
        new(13, "half-open, idle and abandoned connections stay for ever", "limits for half-open, idle and half-closed flows, keep-alive, TIME_WAIT of 2 seconds; memory stays bounded under short connections"),
        new(14, "closing the device loses RSTs, tells no session, may panic", "every application gets its RST before reads end; sessions and dials are told once; 50 disposals at once; within a second"),
        new(15, "one stack in a process, and the second kills the first", "16 stacks at once with the same addresses and different dialers, without cross-talk"),
        new(16, "no output queue: a write waits for a read, each answer holds a thread", "output is bounded and drops; 10,000 sessions that answer into it hold no thread"),
        new(17, "datagrams above 2,048 bytes are cut and delivered", "every size up to the largest arrives whole, both ways, or is reported"),
        new(18, "one bad datagram ends its session", "an undecryptable, malformed, short or refused datagram costs itself only; refusals become ICMP"),
        new(19, "Nagle and delayed acknowledgments", "small writes leave at once without waiting for an acknowledgment"),
        new(20, "the MTU is constant, larger packets are taken modulo 65,536", "576 to 65,535, also while running; one byte more is MessageTooLarge; the MSS follows"),
        new(21, "refusals are swallowed, echo is answered for everybody", "a refused datagram is port unreachable to its socket, within a rate; echo requests are dropped unless the application wants them answered"),
        new(22, "multicast, broadcast and loopback open sessions", "dropped and counted"),
        new(23, "the idle device sends router solicitations", "a new device emits nothing in 60 seconds"),
        new(24, "small window, no scaling, a search through all connections for each packet", "scaled windows; the cost of a packet does not grow with 10,000 flows; no allocation per packet"),
        new(25, "21 KB for an idle connection", "below 8 KB, no thread"),
        new(26, "guessable initial sequence numbers, wall clock, wake-ups when idle, abort on assertions", "RFC 6528 sequence numbers; steps of the wall clock change nothing; no timer without a reason; failed assertions are counted and end their flow only"),
        new(27, "checksums are not verified", "verified and counted, or not, as the option says"),
        new(28, "a source given as a name is looked up on the data path", "sources are addresses by type; no resolver is called for datagrams of a session"),
        new(29, "a packet that meets the expiry is lost; only sending counts as activity", "it keeps the session or opens the next one; receiving may count; timeouts by port"),
        new(30, "proxies and TLS leak and ignore cancellation", "SOCKS5, TLS, DoT and DoH dispose the inner connection once on every failure, and cancellation ends every step of the handshake; an association ends with its connection, and counts are those of the payload"),
        new(31, "nothing can be observed", "every drop has a reason and moves its counter by one; sessions, bytes, dials and queues are counted"),
    ];
}
