/* SPDX-License-Identifier: Apache-2.0
 *
 * A TCP client over the simulated link: what an application's kernel does on
 * the other side of the TUN. Written from RFC 9293 and kept simple where it may
 * be (go-back-N, no congestion control, SACK only where asked for), strict where the stack must
 * be right: nothing outside the offered window, no changed bytes, no retreating
 * window edge, no data after FIN.
 */
#ifndef TUNFLOW_TESTS_PEER_H
#define TUNFLOW_TESTS_PEER_H

#include "sim.h"

typedef enum peer_state {
    PEER_CLOSED,
    PEER_SYN_SENT,
    PEER_ESTABLISHED, /* also half-closed: see fin_* */
    PEER_RESET        /* RST received */
} peer_state;

typedef enum peer_acks {
    PEER_ACK_EACH,    /* at once */
    PEER_ACK_DELAYED, /* every second segment, or after 40 ms */
    PEER_ACK_NEVER    /* only what peer_ack sends */
} peer_acks;

/* A received segment, without its payload. */
typedef struct peer_segment {
    uint64_t at;
    uint32_t seq;
    uint32_t ack;
    uint32_t length;
    uint32_t window; /* scaled */
    int mss;
    int window_scale;
    uint8_t flags;
} peer_segment;

typedef struct peer_range {
    uint32_t begin;
    uint32_t end;
} peer_range;

struct peer {
    sim *s;
    struct peer *next;
    tf_endpoint self;
    tf_endpoint remote;
    peer_state state;

    /* Set before peer_connect. */
    uint32_t isn;
    uint32_t mss;        /* announced; 0 sends no option */
    int wscale;          /* announced; -1 sends no option */
    uint32_t capacity;   /* receive buffer, bytes */
    peer_acks acks;
    bool silent;         /* answers nothing, sends nothing */
    bool no_probes;      /* no zero-window probes */
    bool sack;           /* tells what it has out of order (RFC 2018) */
    uint32_t segment_min; /* payload sizes, random between the two; 0 = the MSS */
    uint32_t segment_max;
    uint32_t burst;      /* most segments in flight; 0 = no limit */
    bool super_packets;  /* sends up to 64 KB with GSO and a partial checksum */
    uint64_t rto;        /* first retransmission timeout */

    uint64_t seed_out;
    uint64_t to_send;    /* length of the stream so far */
    bool want_fin;       /* FIN after it */
    uint64_t seed_in;
    bool paused;         /* the application doesn't read */

    uint32_t snd_una;
    uint32_t snd_nxt;
    uint32_t snd_max;
    uint32_t snd_wnd;
    uint8_t snd_scale;
    uint32_t peer_mss;
    bool fin_sent;
    bool fin_acked;
    uint32_t duplicate_acks;
    uint32_t retransmissions;
    uint32_t probes;
    uint64_t rto_at;
    uint32_t rto_backoff;
    uint64_t sent_at;    /* of the last data segment */

    uint32_t irs;
    uint32_t rcv_nxt;
    uint32_t rcv_edge;   /* right edge of the window offered */
    uint32_t ack_edge;   /* right edge of the stack's window */
    uint64_t received;   /* in order */
    uint64_t unread;
    peer_range ranges[64];
    uint32_t range_count;
    bool fin_seen;       /* the FIN's sequence number is known */
    uint32_t fin_seq;
    bool fin_received;   /* in order: end of stream */
    uint32_t unacked_segments;
    uint64_t delayed_ack_at;

    peer_segment *log;
    uint32_t log_count;
    uint32_t log_size;
    uint64_t duplicate_bytes;
};

/* `index` picks the endpoints; even is IPv4, odd IPv6. */
peer *peer_new(sim *s, uint32_t index);
peer *peer_between(sim *s, tf_endpoint self, tf_endpoint remote);
/* Sends the SYN (again, if one was sent already). */
void peer_connect(peer *p);
/* Connects and waits until both sides are open; returns the flow. */
flow *peer_open(peer *p);
void peer_send(peer *p, uint64_t length);
void peer_finish(peer *p);
void peer_reset(peer *p);
void peer_pause(peer *p);
void peer_resume(peer *p);
/* An ACK with the present state. */
void peer_ack(peer *p);
/* A segment with any content; nothing of the model's state changes. */
void peer_raw(peer *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t window,
              const uint8_t *data, uint32_t length);
/* Fills in what every segment of the peer has; for tests that build their own. */
wire peer_wire(const peer *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t window);
/* Window field for a window of `bytes`, after the handshake. */
uint32_t peer_window(const peer *p);
const peer_segment *peer_last(const peer *p);
/* Whether everything sent, FIN included, was acknowledged. */
bool peer_all_acked(const peer *p);

/* For the fixture. */
peer *peer_find(sim *s, const wire *w);
void peer_receive(peer *p, const wire *w);
bool peers_output(sim *s);
void peers_timers(sim *s);
uint64_t peers_deadline(sim *s);
void peers_abort(sim *s);
void peers_free(sim *s);

/* Between the peer's two files. */
bool peer_output(peer *p);
void peer_process_ack(peer *p, const wire *w);

static inline bool seq_before(uint32_t left, uint32_t right)
{
    return (int32_t)(left - right) < 0;
}

#endif
