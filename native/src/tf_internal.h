/* SPDX-License-Identifier: Apache-2.0
 *
 * The shim's state, one copy per isolated stack (see tf_instance.c).
 *
 * Theory of operation
 * -------------------
 * lwIP looks up control blocks in linked lists. Here its lists are empty
 * between calls: all flows live in a keyed hash, and before lwIP runs for a
 * flow that flow's control block alone is "mounted" as the list (flow.c). So a
 * packet costs the same with ten or fifty thousand flows. Only the timer sees
 * a chain of more: the flows that have something to time (the busy list).
 *
 * lwIP frees control blocks on paths that tell nobody. The only signal trusted
 * here is the ext-arg destroyed callback; it clears tf_flow.pcb. Callbacks
 * never act on lwIP: they note what happened, and tf_flow_settle() acts after
 * lwIP has returned.
 *
 * A flow's slot lives until both the control block is gone and the caller has
 * called tf_flow_close(). Received bytes stay valid that long.
 */
#ifndef TF_INTERNAL_H
#define TF_INTERNAL_H

#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

#include "tf_common.h"
#include "tf_ops.h"
#include "checksum.h"
#include "siphash.h"

#define TF_TICK 250000ull /* lwIP's TCP_TMR_INTERVAL in microseconds */
#define TF_REASSEMBLY_TICK 1000000ull
#define TF_SLOT_MASK 0xFFFFFFu
#define TF_SESSION_BIT (1ull << 56)
/* Below this, segments are mostly headers (and lwIP's arithmetic gets thin). */
#define TF_MIN_MSS 88
/* What a flow may always hold on its way to the application. */
#define TF_LEAST_SEND 16384u

typedef struct tf_key {
  uint8_t source[16];
  uint8_t destination[16];
  uint16_t source_port; /* network order, as in the packet */
  uint16_t destination_port;
  uint32_t family;
} tf_key;

/* Where in the heap of deadlines something stands. */
typedef struct tf_timer {
  uint64_t deadline;
  uint32_t position; /* heap index + 1; 0 = not armed */
  uint32_t is_session;
} tf_timer;

typedef enum tf_state {
  TF_PENDING,   /* the SYN is stored, lwIP knows nothing */
  TF_HALF_OPEN, /* SYN-ACK sent */
  TF_OPEN,      /* handshake complete; half-closes included */
  TF_WAITING,   /* TIME_WAIT */
  TF_DEAD       /* no control block, not in the hash */
} tf_state;

/* Received bytes in order: those of a kept pbuf, or copies that lie behind. */
typedef struct tf_chunk {
  struct tf_chunk *next;
  uint8_t *data;
  struct pbuf *pbuf;
  uint32_t length;
  uint32_t room; /* free bytes behind data + length */
} tf_chunk;

/* Written bytes that lwIP refers to, in sequence order. */
typedef struct tf_piece {
  struct tf_piece *next;
  tf_block *block;
  const uint8_t *data;
  uint32_t length;
  uint32_t end_sequence;
} tf_piece;

typedef struct tf_link {
  struct tf_flow *previous, *next;
} tf_link;

typedef struct tf_flow {
  struct tf_flow *hash_next;
  struct tcp_pcb *pcb;
  tf_timer timer;
  tf_key key;
  uint32_t slot;
  uint32_t generation;
  uint8_t state;      /* tf_state */
  uint8_t owned;      /* the caller has not called tf_flow_close yet */
  uint8_t in_hash;
  uint8_t in_ready;
  uint8_t busy;       /* on the busy list */
  uint8_t in_acks;    /* on the batch's list of flows to acknowledge */
  uint8_t blocked;    /* on the list of flows that wait for output room */
  uint8_t fin_in;     /* peer's FIN was received in order */
  uint8_t fin_out;    /* tf_flow_shutdown was called */
  uint8_t drained;    /* TF_EVENT_DRAINED was sent */
  uint8_t discard;    /* received bytes are dropped */
  uint8_t want_write; /* a write was short */
  uint8_t acked;      /* lwIP reported acknowledged bytes */
  uint8_t retry;      /* a write failed for memory with nothing in flight */
  uint8_t opened;     /* the handshake completed, once */
  uint8_t keepalives; /* unanswered probes */
  uint8_t status_set;
  int32_t status;     /* why it ended */
  uint32_t events;
  struct tf_flow *ready_next;
  tf_link busy_link;
  struct tf_flow *acks_next;
  struct tf_flow *blocked_next;
  /* receive */
  tf_chunk *receive_head, *receive_tail;
  uint32_t receive_queue;   /* bytes of payload */
  uint32_t receive_bytes;   /* bytes allocated, out-of-order segments included */
  uint32_t window;          /* the largest window it may advertise */
  uint32_t unacknowledged;  /* payload received since the last ACK left */
  uint32_t quick_acks;      /* segments still acknowledged at once (slow start of the sender) */
  uint32_t discarded;       /* bytes to be opened as window after lwIP returned */
  /* send */
  tf_piece *send_head, *send_tail, *send_cursor;
  tf_block *tail_block;     /* where copied writes collect */
  uint32_t tail_used;
  /* loss recovery; times in microseconds */
  uint64_t rto_at;      /* 0 = off */
  uint64_t rtt_since;
  uint32_t rtt_sequence;
  uint32_t srtt, rttvar, rto; /* rto 0 = nothing was measured yet */
  uint32_t recover;     /* the end of what was in flight when a loss was noticed */
  uint8_t recovering;
  uint8_t rto_backoff;
  uint8_t rtt_timing;
  /* pending */
  uint8_t *syn;
  uint32_t syn_length;
  uint32_t syn_sequence;
  uint32_t source_bucket;
  uint8_t proven;       /* its source had completed a handshake lately */
  tf_link half_open_link;
  uint64_t since;       /* when the state began */
  uint64_t linger;      /* of a flow that the caller has closed: how long it may still send */
  uint64_t last_active;
  uint64_t last_byte;   /* when a byte of the stream last moved, or one side ended */
  uint64_t probed;      /* when the last keep-alive probe left */
} tf_flow;

typedef struct tf_packet_datagram {
  tf_datagram datagram; /* first: the caller's pointer */
  struct tf_packet_datagram *next;
  uint32_t header;      /* bytes of IP and UDP header before data */
  uint32_t allocated;
  uint8_t bytes[];
} tf_packet_datagram;

typedef struct tf_session {
  struct tf_session *hash_next;
  tf_timer timer;
  tf_endpoint source;
  uint32_t slot;
  uint32_t generation;
  uint8_t owned;
  uint8_t dead;
  uint8_t in_ready;
  int32_t status;
  uint32_t events;
  struct tf_session *ready_next;
  struct tf_session *older, *newer; /* use order */
  tf_packet_datagram *head, *tail;
  uint32_t queued;
  uint32_t queued_bytes;
  uint32_t unanswered;  /* DNS queries */
  uint8_t other_ports;  /* it does not only ask name servers */
  uint8_t fixed_idle;   /* tf_session_set_idle was called */
  uint64_t idle;
  uint64_t last_active;
} tf_session;

enum { TF_ECHO_QUIET, TF_ECHO_DUE, TF_ECHO_TOLD };

/* A slot names at most one living thing; its generation makes old ids stale. */
typedef struct tf_slot {
  void *item;
  uint32_t generation;
  uint32_t next_free;
} tf_slot;

typedef struct tf_table {
  tf_slot *slots;
  uint32_t capacity;
  uint32_t high;  /* slots ever used */
  uint32_t free;  /* head of the free list, + 1 */
  uint32_t count;
} tf_table;

/* What the filter learnt of a packet. */
typedef struct tf_parsed {
  uint8_t *ip;
  uint32_t length;       /* of the IP packet */
  uint32_t transport;    /* offset of the transport header */
  uint32_t payload;      /* offset of the payload */
  uint8_t version;
  uint8_t protocol;
  uint8_t fragment;
  uint8_t tcp_flags;
  tf_key key;
} tf_parsed;

/* A pbuf of received bytes that lwIP may keep; frees itself through free_rx. */
typedef struct tf_rx_pbuf {
  struct pbuf_custom custom; /* first */
  tf_chunk chunk;            /* for keeping it without a further allocation */
  tf_flow *flow;             /* charged with `charged` bytes, or NULL */
  tf_block *block;           /* or NULL: the bytes follow */
  uint32_t charged;
  uint32_t fragment;         /* counted in tf.reassembly_bytes */
} tf_rx_pbuf;

/* How far a batch is looked at before its packets' turn. */
#define TF_AHEAD 12u

typedef struct tf_ahead {
  const tf_packet *packets;
  uint32_t count;
  uint32_t next; /* packet to be looked at next */
  tf_flow **flows[TF_AHEAD];
  tf_session **sessions[TF_AHEAD];
} tf_ahead;

typedef struct tf_bucket {
  uint64_t refilled;
  uint64_t tokens; /* in millionths */
} tf_bucket;

/* A source that completed a handshake, and when it last did. */
typedef struct tf_proven {
  uint64_t hash;
  uint64_t seen;
} tf_proven;

struct tf_globals {
  uint32_t index; /* of this stack */
  tf_config config;
  uint64_t key[2];
  uint64_t now;
  uint64_t random_counter;
  tf_stats stats;
  int lwip_ready;
  struct netif netif;
  struct tcp_pcb_listen *listener;
  struct udp_pcb *udp;
  struct raw_pcb *raw[4]; /* catch reassembled packets: TCP, UDP, ICMP, ICMPv6 */

  tf_table flows, sessions;
  tf_flow **flow_hash;
  tf_session **session_hash;
  uint32_t flow_hash_mask, session_hash_mask;
  uint16_t *source_counts; /* pending flows by hash of their source */
  tf_proven *proven;
  uint32_t pending_unproven; /* pending flows of other sources */
  tf_link half_open;       /* oldest and youngest */

  tf_flow *ready_flow_head, *ready_flow_tail;
  tf_session *ready_session_head, *ready_session_tail;
  tf_link busy;            /* first and last */
  tf_flow *acks;
  tf_flow *blocked;
  tf_session *oldest, *newest; /* the living, by use */
  uint32_t sessions_alive;

  tf_timer **heap;
  uint32_t heap_count;
  uint64_t next_tick;       /* TF_NO_DEADLINE while nothing is busy */
  uint64_t next_reassembly;
  uint32_t reassembly_bytes;

  tf_flow *accepting;       /* whose SYN lwIP is being given */
  const struct tcp_pcb *output_pcb; /* whose segment lwIP is writing out */
  uint32_t ack_before;      /* of the flow whose segment lwIP is being given */
  uint32_t window_before;
  int ack_selective;        /* its segment has SACK blocks */
  uint8_t challenge;        /* pure ACKs now are challenge ACKs (RFC 5961 7) */
  uint8_t answers_ack;      /* the segment that lwIP is being given has an ACK */
  uint8_t assert_failed;
  uint8_t payload;          /* what is allocated now are bytes on their way: see tf_common_alloc_payload */
  uint8_t farewell;         /* one RST for every flow is on its way out */
  tf_bucket icmp_bucket, challenge_bucket, syn_bucket;

  tf_packet_datagram *echo_head, *echo_tail;
  uint32_t echoes;          /* queued, or with the caller and not yet answered */
  uint8_t echo_told;        /* whether TF_EVENT_ECHO is due, or was reported and the queue not yet emptied */

  const tf_parsed *datagram; /* which lwIP is being given */
  uint8_t *reassembled;     /* a whole packet that raw_recv put together */
  uint32_t reassembled_length;

  tf_entry *output_head, *output_tail;
  uint32_t output_entries;
  uint64_t output_bytes;
};

extern struct tf_globals tf;

/* ---- memory.c */
void *tf_alloc(size_t size);
void *tf_alloc_payload(size_t size); /* not from the reserve: see tf_common_alloc_payload */
void *tf_alloc_zero(size_t size);
void tf_release(void *memory);
int tf_take_token(tf_bucket *bucket, uint32_t per_second);
int tf_take_token_of(tf_bucket *bucket, uint32_t per_second, uint32_t burst);

/* ---- timers.c */
void tf_timer_arm(tf_timer *timer, uint64_t deadline);
void tf_timer_disarm(tf_timer *timer);
uint64_t tf_run_timers(uint64_t now);
uint64_t tf_deadline(void);
void tf_timers_reset(void);

/* ---- table.c */
int tf_table_init(tf_table *table, uint32_t capacity);
void tf_table_free(tf_table *table);
int tf_table_insert(tf_table *table, void *item, uint32_t *slot, uint32_t *generation);
void tf_table_remove(tf_table *table, uint32_t slot);
void *tf_table_find(const tf_table *table, uint64_t id);
uint64_t tf_make_id(uint32_t slot, uint32_t generation, int session);

/* ---- flow.c */
tf_flow **tf_flow_bucket(const tf_key *key);
tf_flow *tf_flow_find(const tf_key *key);
tf_flow *tf_flow_by_id(uint64_t id);
tf_flow *tf_flow_new(const tf_key *key);
void tf_flow_unhash(tf_flow *flow);
void tf_flow_signal(tf_flow *flow, uint32_t events);
void tf_flow_mount(tf_flow *flow);
void tf_flow_unmount(void);
void tf_flow_settle(tf_flow *flow);
void tf_flow_end(tf_flow *flow, int32_t status);
void tf_flow_set_busy(tf_flow *flow, int busy);
void tf_flow_schedule(tf_flow *flow);
void tf_flow_expire(tf_flow *flow);
void tf_flow_reset(tf_flow *flow, int32_t status);

/* ---- syn_guard.c */
int tf_syn_guard_setup(void);
int tf_source_proven(const tf_key *key);
void tf_source_prove(const tf_key *key);
int tf_unproven_admitted(void);
void tf_half_open_add(tf_flow *flow);
void tf_half_open_remove(tf_flow *flow);
void tf_half_open_make_room(void);

/* ---- tcp_open.c */
void tf_tcp_setup(void);
void tf_tcp_teardown(void);
void tf_pending_arrival(tf_flow *flow, const tf_parsed *parsed);
int tf_pending_open(const tf_parsed *parsed);
void tf_pending_forget(tf_flow *flow);
int tf_inject_syn(tf_flow *flow);
void tf_inject_tcp(uint8_t *ip, uint32_t transport, struct pbuf *segment);

/* ---- tcp_receive.c */
err_t tf_on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error);
void tf_receive_free(tf_flow *flow);
void tf_open_window(tf_flow *flow, uint32_t length);
void tf_acknowledge_batch(void);

/* ---- tcp_send.c */
err_t tf_on_sent(void *argument, struct tcp_pcb *pcb, u16_t length);
void tf_send_settle(tf_flow *flow);
void tf_send_free(tf_flow *flow);
tf_block *tf_send_block_at(tf_flow *flow, const uint8_t *data);
uint32_t tf_send_room(const tf_flow *flow);
uint32_t tf_send_bytes(const tf_flow *flow);

/* ---- recovery.c */
void tf_recovery_sent(tf_flow *flow, uint32_t sequence, int repeated);
void tf_recovery_opened(tf_flow *flow);
void tf_recovery_arm(tf_flow *flow);
void tf_recovery_keep_order(tf_flow *flow);
void tf_recovery_timeout(tf_flow *flow);
void tf_recovery_before(tf_flow *flow, const uint8_t *tcp, uint32_t header);
void tf_recovery_after(tf_flow *flow);

/* ---- filter.c */
int tf_source_allowed(uint32_t family, const uint8_t *address);
int tf_filter(uint8_t *data, uint32_t length, const tf_offload *offload, tf_parsed *parsed);
int tf_verify_checksum(const tf_parsed *parsed, const tf_offload *offload);

/* ---- acceptance.c */
int tf_segment_acceptable(tf_flow *flow, const tf_parsed *parsed);

/* ---- input.c */
struct pbuf *tf_rx_alloc(uint8_t *data, uint32_t length, tf_block *block, tf_flow *flow);
int tf_input_one(const tf_packet *packet, tf_block *block);
void tf_set_ip_data(uint8_t *ip);

/* ---- fragment.c */
int tf_input_fragment(const tf_parsed *parsed);
u8_t tf_on_raw(void *argument, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *source);
void tf_reassembly_tick(uint64_t now);
void tf_reassembly_flush(void);

/* ---- udp.c */
tf_session **tf_session_bucket(const tf_endpoint *source);
int tf_input_datagram(const tf_parsed *parsed);
void tf_on_datagram(void *argument, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *source, u16_t port);
void tf_session_expire(tf_session *session);
void tf_session_end(tf_session *session, int32_t status);

/* ---- icmp.c */
int tf_input_echo(const tf_parsed *parsed);
void tf_echo_clear(void);
int tf_send_unreachable(const uint8_t *packet, uint32_t length, uint32_t refusal);

/* ---- output.c */
err_t tf_netif_output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *destination);
err_t tf_netif_output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *destination);
uint8_t *tf_output_reserve(uint32_t length, tf_entry **entry);
void tf_output_commit(tf_entry *entry);
void tf_output_clear(void);
void tf_output_retry(void);

/* ---- output_fragments.c */
err_t tf_output_fragments(const struct pbuf *p);

/* The clock never goes back, whatever the caller says. */
static inline void tf_advance(uint64_t now) { tf.now = now > tf.now ? now : tf.now; }
/* "Never" stays never: a sum that wrapped would be a deadline long past. */
static inline uint64_t tf_after(uint64_t time, uint64_t delay) { return delay < TF_NO_DEADLINE - time ? time + delay : TF_NO_DEADLINE; }
static inline void tf_drop_count(uint32_t reason) { tf.stats.drops[reason]++; }
static inline void tf_to_endpoint(tf_endpoint *endpoint, const uint8_t *address, uint16_t port, uint32_t family) {
  memset(endpoint, 0, sizeof *endpoint);
  memcpy(endpoint->address, address, 16);
  endpoint->port = lwip_ntohs(port); /* a key's ports are in network order */
  endpoint->family = (uint8_t)family;
}
static inline uint16_t tf_get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t tf_get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }
static inline void tf_put16(uint8_t *p, uint32_t value) { p[0] = (uint8_t)(value >> 8); p[1] = (uint8_t)value; }
static inline void tf_put32(uint8_t *p, uint32_t value) { tf_put16(p, value >> 16); tf_put16(p + 2, value & 0xFFFF); }

#endif
