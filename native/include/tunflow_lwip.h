/* SPDX-License-Identifier: Apache-2.0
 *
 * tunflow_lwip: the C ABI between TunFlow's managed layer and lwIP.
 *
 * IP packets go in (tf_input), TCP flows and UDP sessions come out as events
 * (tf_events); packets for the device are taken from an ordered queue
 * (tf_output_take). lwIP's own objects never cross this boundary: flows and
 * sessions are named by ids that go stale, never by pointers.
 *
 * Threads
 *   [lock]  The caller holds the stack's lock: at most one such call per stack
 *           at a time, from any thread. A violation is answered with
 *           TF_E_BUSY and changes nothing.
 *   [free]  May be called by any thread at any time, without the lock.
 *
 * Units: bytes; microseconds of a monotonic clock whose origin is the
 * caller's ("now" must never go backwards; a smaller value counts as the last
 * one). Ports and integers are in host byte order, addresses in network order.
 *
 * Results: functions that return int32_t give zero or a count on success and a
 * negative tf_status on failure. Nothing here calls back into the caller.
 */
#ifndef TUNFLOW_LWIP_H
#define TUNFLOW_LWIP_H

#include <stdint.h>

#if defined(_WIN32)
#define TF_API __declspec(dllexport)
#else
#define TF_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every incompatible change of this header. */
#define TF_ABI_VERSION 1
/* "No deadline": an idle stack has no timer. */
#define TF_NO_DEADLINE 0xFFFFFFFFFFFFFFFFull
/* Most slices an output entry or a tf_flow_receive call can have. */
#define TF_MAX_SLICES 16
/* Bytes in front of an output entry's first slice that a device may overwrite
 * with its own header (virtio_net_hdr). */
#define TF_OUTPUT_HEADROOM 16
/* Largest IP packet, in and out, super-packets included. */
#define TF_MAX_PACKET 65535
/* Largest UDP payload over IPv4 (RFC 768: 65535 - 20 - 8). Over IPv6 it is
 * 65487: lwIP counts a packet's bytes, its header included, in 16 bits. */
#define TF_MAX_DATAGRAM 65507

/* ---- status --------------------------------------------------------------- */

typedef enum tf_status {
  TF_OK = 0,
  TF_E_INVALID = -1,  /* an argument is out of its range */
  TF_E_STALE = -2,    /* the id names nothing that lives (any more) */
  TF_E_MEMORY = -3,   /* a byte budget or the allocator refused */
  TF_E_LIMIT = -4,    /* a count limit is reached (stacks, flows, sessions) */
  TF_E_BUSY = -5,     /* another [lock] call is running on this stack */
  TF_E_STATE = -6,    /* not possible in the flow's present state */
  TF_E_RESET = -7,    /* the flow was reset by the peer */
  TF_E_ABORTED = -8,  /* the flow was ended on this side (abort, timeout, memory) */
  TF_E_TOO_BIG = -9,  /* more than a packet or datagram can hold */
  TF_E_TIMEOUT = -10  /* the peer stopped answering */
} tf_status;

/* ---- layout check ---------------------------------------------------------- */

/* One struct ("tf_event", offset 0, its size) or one field ("tf_event.id"). */
typedef struct tf_layout_entry {
  const char *name;
  uint32_t size;
  uint32_t offset;
} tf_layout_entry;

/* [free] The TF_ABI_VERSION the library was built with. */
TF_API uint32_t tf_abi_version(void);
/* [free] Sizes and offsets of every struct below, as the C compiler laid them
 * out. The table is static; *count receives its length. */
TF_API const tf_layout_entry *tf_abi_layout(uint32_t *count);
/* [free] How many isolated stacks this build can run in one process. */
TF_API uint32_t tf_stack_limit(void);

/* ---- addresses ------------------------------------------------------------- */

/* family 4: the first 4 bytes of address count, the rest is zero.
 * family 6: all 16. Zone ids do not cross the boundary. */
typedef struct tf_endpoint {
  uint8_t address[16];
  uint16_t port;
  uint8_t family;
  uint8_t reserved;
} tf_endpoint;

/* ---- packets and offload ----------------------------------------------------- */

typedef enum tf_checksum {
  TF_CHECKSUM_UNVERIFIED = 0, /* in: verify it; out: complete and correct */
  TF_CHECKSUM_PARTIAL = 1,    /* the field holds the pseudo-header sum only (virtio NEEDS_CSUM) */
  TF_CHECKSUM_VALID = 2       /* in only: the device vouches for it (virtio DATA_VALID) */
} tf_checksum;

typedef enum tf_gso {
  TF_GSO_NONE = 0,
  TF_GSO_TCP4 = 1,
  TF_GSO_TCP6 = 2
} tf_gso;

/* What rides beside a packet. Fields mean what linux/virtio_net.h says of
 * struct virtio_net_hdr; all zero is an ordinary, complete packet. */
typedef struct tf_offload {
  uint8_t checksum;         /* tf_checksum */
  uint8_t gso_type;         /* tf_gso */
  uint16_t gso_size;        /* payload bytes per segment of a super-packet */
  uint16_t header_length;   /* IP and TCP header bytes of a super-packet */
  uint16_t checksum_start;  /* where the transport header starts */
  uint16_t checksum_offset; /* the checksum field's place after that */
  uint16_t reserved;
} tf_offload;

/* A piece of memory; laid out as struct iovec on 64-bit systems. */
typedef struct tf_slice {
  uint8_t *data;
  uint64_t length;
} tf_slice;

/* One packet for tf_input. The memory is borrowed for the call, unless `block`
 * is set: then data lies in that block of tf_block_alloc (the pointer it gave),
 * and the stack may keep a reference to the block instead of copying: look at
 * tf_block_shared before writing to the block again. The stack may change the
 * packet's bytes. */
typedef struct tf_packet {
  uint8_t *data;
  uint8_t *block;
  uint32_t length;
  tf_offload offload;
} tf_packet;

/* One packet for the device: `slice_count` slices, the first of which starts
 * with the IP header and has TF_OUTPUT_HEADROOM writable bytes before it.
 * Memory stays valid until tf_output_free, even if the flow or the stack ends. */
typedef struct tf_output {
  tf_slice slices[16];
  tf_offload offload;
  uint32_t length;      /* bytes of all slices */
  uint32_t slice_count;
  uint32_t packets;     /* ordinary packets it stands for: 1, or a super-packet's segments */
} tf_output;

/* ---- stack ------------------------------------------------------------------- */

typedef enum tf_stack_flags {
  TF_STACK_ECHO_REPLY = 1,       /* answer ICMP and ICMPv6 echo requests to any address */
  TF_STACK_TRUST_CHECKSUMS = 2,  /* do not verify transport checksums of input */
  TF_STACK_COALESCE = 4,         /* build super-packets (GSO) where consecutive segments allow */
  TF_STACK_ECHO_QUEUE = 8,       /* leave echo requests to the caller: tf_echo_receive */
  TF_STACK_MULTICAST = 16        /* UDP to multicast and broadcast destinations is served like any other */
} tf_stack_flags;

/* All limits are hard. Byte limits count allocated bytes, not payload. */
typedef struct tf_config {
  uint32_t size;                /* sizeof(tf_config) of the caller */
  uint32_t flags;               /* tf_stack_flags */
  uint32_t mtu;                 /* 576..65535; below 1280 IPv6 is not served */
  uint32_t max_flows;           /* TCP flows in any state, pending ones included */
  uint32_t max_pending;         /* flows whose SYN waits for tf_flow_accept; half of them, and as many (at least
                                   100) new ones a second, of sources that have not completed a handshake lately */
  uint32_t max_pending_source;  /* of these, per source address */
  uint32_t max_half_open;       /* accepted, handshake not yet complete; the oldest makes room */
  uint32_t max_sessions;        /* UDP sessions; the least recently used one makes room */
  uint32_t receive_window;      /* largest receive window of a flow: 16 KiB..1 MiB */
  uint32_t send_buffer;         /* bytes a flow may hold unacknowledged: 16 KiB..1 MiB */
  uint32_t flow_bytes;          /* allocated bytes for a flow's received data; at least twice the window */
  uint32_t session_datagrams;   /* datagrams waiting in a session's queue */
  uint32_t session_bytes;       /* allocated bytes waiting in a session's queue */
  uint32_t reassembly_bytes;    /* allocated bytes held by IP fragments */
  uint32_t output_bytes;        /* bytes waiting in the output queue */
  uint32_t icmp_per_second;     /* ICMP messages and challenge ACKs sent, each */
  uint32_t max_echoes;          /* echo requests waiting for tf_echo_receive or for their answer */
  uint32_t reserved;
  uint64_t max_bytes;           /* everything the stack allocates */
  uint64_t pending_timeout;     /* a SYN waits this long for accept or refuse */
  uint64_t half_open_timeout;   /* SYN-ACK sent, no ACK */
  uint64_t half_closed_timeout; /* one side ended and no byte moves; or released, all delivered, no FIN from the peer */
  uint64_t time_wait;           /* TIME_WAIT */
  uint64_t idle_timeout;        /* established flow without traffic; 0 = never */
  uint64_t keepalive_interval;  /* probe an idle established flow; 0 = never */
  uint64_t session_idle;        /* UDP session without traffic, see tf_session_set_idle */
  uint64_t session_dns_idle;    /* the same once everything it ever asked, at port 53 alone, is answered */
  uint8_t secret[16];           /* key of ISNs (RFC 6528) and of all hash tables; must be random */
} tf_config;

/* [free] Fills in the defaults, the secret excepted. */
TF_API void tf_config_default(tf_config *config);
/* [free] Takes a free stack of the build. *stack receives its index. Created in
 * one thread at a time (the library serialises). TF_E_LIMIT: none is free. */
TF_API int32_t tf_stack_create(const tf_config *config, uint64_t now, uint32_t *stack);
/* [lock] Resets every flow (the RSTs enter the output queue), refuses every
 * pending one and ends every session. Each gets its TF_EVENT_CLOSED. */
TF_API int32_t tf_stack_abort_all(uint32_t stack, uint64_t now);
/* [lock] Frees the stack; all its ids go stale. Output entries, datagrams and
 * blocks that the caller holds stay valid until it frees them. */
TF_API int32_t tf_stack_destroy(uint32_t stack);
/* [lock] Changes the device MTU for packets and connections from now on. */
TF_API int32_t tf_stack_set_mtu(uint32_t stack, uint32_t mtu);
/* [lock] The next time at which tf_stack_tick has work, or TF_NO_DEADLINE. */
TF_API uint64_t tf_stack_deadline(uint32_t stack);
/* [lock] Runs what is due. Late calls are not replayed. */
TF_API int32_t tf_stack_tick(uint32_t stack, uint64_t now);

/* ---- input ------------------------------------------------------------------- */

/* [lock] Processes packets in order, then acknowledges what the batch brought.
 * Bad packets are dropped and counted (tf_stats.drops), never an error. Returns
 * the number of packets that were not dropped. */
TF_API int32_t tf_input(uint32_t stack, uint64_t now, const tf_packet *packets, uint32_t count);

/* ---- blocks ------------------------------------------------------------------ */

/* [free] A block of at least `capacity` bytes (1..131072) with one reference,
 * owned by the caller. NULL when the byte budget refuses. */
TF_API uint8_t *tf_block_alloc(uint32_t stack, uint32_t capacity);
/* [free] Nonzero while somebody other than the caller holds the block. Once it
 * is zero only the caller can make it nonzero again. */
TF_API uint32_t tf_block_shared(const uint8_t *block);
/* [free] Gives the caller's reference back. NULL is ignored. */
TF_API void tf_block_free(uint8_t *block);

/* ---- events ------------------------------------------------------------------ */

typedef enum tf_event_flags {
  TF_EVENT_CONNECT = 1,   /* flow: a SYN waits; answer with tf_flow_accept or tf_flow_refuse */
  TF_EVENT_OPEN = 2,      /* flow: the handshake is complete */
  TF_EVENT_READABLE = 4,  /* flow: bytes, or the end of the stream, can be received. session: datagrams */
  TF_EVENT_WRITABLE = 8,  /* flow: after a short write there is room again */
  TF_EVENT_CLOSED = 16,   /* nothing more will happen: status says why; call tf_flow_close or tf_session_close */
  TF_EVENT_SESSION = 32,  /* session: it is new */
  TF_EVENT_DRAINED = 64,  /* flow: after tf_flow_shutdown: everything written and the FIN were acknowledged */
  TF_EVENT_ECHO = 128     /* id 0: echo requests wait for tf_echo_receive */
} tf_event_flags;

/* What happened to one flow or session since it was last reported. */
typedef struct tf_event {
  uint64_t id;
  uint32_t flags;  /* tf_event_flags */
  int32_t status;  /* with TF_EVENT_CLOSED: tf_status; TF_OK is an orderly end */
} tf_event;

/* Ids: bits 0..23 slot (unique among the living flows, or sessions, of the
 * stack: fit for a table index), bits 24..55 generation, bit 56 set for a
 * session, bits 57..63 stack. 0 is never an id, and in an event the stack. */

/* [lock] Moves up to `max` events out. Returns their number; `max` means that
 * there may be more. */
TF_API int32_t tf_events(uint32_t stack, tf_event *events, uint32_t max);

/* ---- TCP flows --------------------------------------------------------------- */

typedef struct tf_flow_details {
  tf_endpoint source;       /* the application's side */
  tf_endpoint destination;  /* whom it wants to reach */
  uint32_t mss;             /* bytes per segment we send; 0 while pending */
  uint32_t receive_queue;   /* received bytes not yet consumed */
  uint32_t send_queue;      /* written bytes not yet acknowledged */
  uint32_t native_bytes;    /* allocated for it */
} tf_flow_details;

typedef enum tf_refusal {
  TF_REFUSE_RESET = 0,               /* RST to a SYN; port unreachable to a datagram */
  TF_REFUSE_HOST_UNREACHABLE = 1,    /* RFC 792 type 3 code 1; RFC 4443 type 1 code 3 */
  TF_REFUSE_NETWORK_UNREACHABLE = 2, /* type 3 code 0; type 1 code 0 */
  TF_REFUSE_PROHIBITED = 3,          /* type 3 code 13; type 1 code 1 */
  TF_REFUSE_SILENT = 4,              /* no answer */
  TF_REFUSE_NOT = 5                  /* tf_echo_answer only: an echo reply */
} tf_refusal;

/* [lock] */
TF_API int32_t tf_flow_get_details(uint32_t stack, uint64_t id, tf_flow_details *details);
/* [lock] Answers a pending SYN with SYN-ACK. TF_EVENT_OPEN follows, or
 * TF_EVENT_CLOSED. */
TF_API int32_t tf_flow_accept(uint32_t stack, uint64_t now, uint64_t id);
/* [lock] Answers a pending SYN as `refusal` (tf_refusal) says and frees the id. */
TF_API int32_t tf_flow_refuse(uint32_t stack, uint64_t now, uint64_t id, uint32_t refusal);
/* [lock] Shows received bytes in order without removing them: up to `max` (at
 * most TF_MAX_SLICES) slices, *count is their number. Returns the bytes shown;
 * 0 with *end = 1 at the end of the stream, 0 with *end = 0 when nothing is
 * there yet. The memory stays valid until tf_flow_consume takes it or
 * tf_flow_close, also after the flow died. TF_E_RESET and the like come only
 * after everything received was consumed. */
TF_API int32_t tf_flow_receive(uint32_t stack, uint64_t id, tf_slice *slices, uint32_t max, uint32_t *count, uint32_t *end);
/* [lock] Removes the first `length` shown bytes and opens the window by as much. */
TF_API int32_t tf_flow_consume(uint32_t stack, uint64_t now, uint64_t id, uint32_t length);
/* [lock] Copies bytes to the end of the flow's stream. Returns how many were
 * taken; fewer than `length` means TF_EVENT_WRITABLE will come. */
TF_API int32_t tf_flow_write(uint32_t stack, uint64_t now, uint64_t id, const uint8_t *data, uint32_t length);
/* [lock] The same without a copy: data..data+length lies in `block` (the pointer
 * tf_block_alloc gave); the flow takes references of its own. The bytes must
 * not change until tf_block_shared is zero. */
TF_API int32_t tf_flow_write_block(uint32_t stack, uint64_t now, uint64_t id, uint8_t *block, const uint8_t *data, uint32_t length);
/* [lock] Bytes that are worth a write now. If 0, TF_EVENT_WRITABLE will come: there
 * is no room, or less than a quarter of what the flow may hold while some is in use. */
TF_API int32_t tf_flow_writable(uint32_t stack, uint64_t id);
/* [lock] Half-close: FIN after what was written. Twice is harmless. */
TF_API int32_t tf_flow_shutdown(uint32_t stack, uint64_t now, uint64_t id);
/* [lock] Drops received bytes, now and from now on; the peer notices nothing. */
TF_API int32_t tf_flow_discard(uint32_t stack, uint64_t now, uint64_t id);
/* [lock] RST. The id lives until tf_flow_close. */
TF_API int32_t tf_flow_abort(uint32_t stack, uint64_t now, uint64_t id);
/* [lock] Frees the id, like close(2): unread bytes make it a RST; else what was
 * written is sent for at most `linger` microseconds more, then FIN, or RST if
 * the peer has not taken it by then. Required once for every flow, dead or not. */
TF_API int32_t tf_flow_close(uint32_t stack, uint64_t now, uint64_t id, uint64_t linger);

/* ---- UDP sessions -------------------------------------------------------------- */

/* One datagram from the application. Freed by tf_datagram_free. */
typedef struct tf_datagram {
  tf_endpoint destination;
  uint32_t length;
  uint8_t *data;
} tf_datagram;

/* [lock] The application's endpoint. A session has one source and any remotes. */
TF_API int32_t tf_session_get_source(uint32_t stack, uint64_t id, tf_endpoint *source);
/* [lock] Moves up to `max` datagrams out of the session's queue, oldest first. */
TF_API int32_t tf_session_receive(uint32_t stack, uint64_t id, tf_datagram **datagrams, uint32_t max);
/* [free] NULL is ignored. */
TF_API void tf_datagram_free(tf_datagram *datagram);
/* [lock] Sends a datagram to the application, fragmented where the MTU asks for
 * it. TF_E_TOO_BIG above TF_MAX_DATAGRAM (65487 over IPv6); TF_E_INVALID for a source that no
 * packet may carry or of the other family; TF_E_MEMORY when the output is full. */
TF_API int32_t tf_session_send(uint32_t stack, uint64_t now, uint64_t id, const tf_endpoint *source, const uint8_t *data, uint32_t length);
/* [lock] Answers a received datagram with an ICMP error that quotes it, within
 * icmp_per_second. Returns 1 if it was sent, 0 if the limit swallowed it. */
TF_API int32_t tf_session_refuse(uint32_t stack, uint64_t now, uint64_t id, const tf_datagram *datagram, uint32_t refusal);
/* [lock] The same for a datagram that is gone already: the quote is made up from
 * the session's source and `destination` (what RFC 1122 3.2.2 needs to find the
 * application's socket), with an empty payload. */
TF_API int32_t tf_session_refuse_remote(uint32_t stack, uint64_t now, uint64_t id, const tf_endpoint *destination, uint32_t refusal);
/* [lock] Microseconds without traffic in either direction after which the
 * session ends with TF_E_TIMEOUT, whatever ports it talks to. */
TF_API int32_t tf_session_set_idle(uint32_t stack, uint64_t now, uint64_t id, uint64_t idle);
/* [lock] Frees the id and what is queued. Required once for every session. */
TF_API int32_t tf_session_close(uint32_t stack, uint64_t id);

/* ---- echo requests --------------------------------------------------------------- */

/* [lock] Moves up to `max` echo requests out, oldest first. The data of each is
 * the whole IP packet (no options or extension headers), its destination's port 0. */
TF_API int32_t tf_echo_receive(uint32_t stack, tf_datagram **requests, uint32_t max);
/* [lock] Answers a request as `refusal` (tf_refusal) says and frees it: required
 * once for each, or tf_datagram_free once the stack is gone. Returns 1 if a
 * packet was sent, 0 if not (TF_REFUSE_SILENT, icmp_per_second, no room). */
TF_API int32_t tf_echo_answer(uint32_t stack, uint64_t now, tf_datagram *request, uint32_t refusal);

/* ---- output ------------------------------------------------------------------- */

/* [lock] Moves up to `max` packets, in order, out of the output queue. */
TF_API int32_t tf_output_take(uint32_t stack, uint64_t now, tf_output **entries, uint32_t max);
/* [free] Packets waiting in the output queue: a hint, for a look without the lock. */
TF_API uint32_t tf_output_pending(uint32_t stack);
/* [free] Writes packet `index` (below entry->packets) as an ordinary one, its
 * checksums complete, into `buffer`; what does not fit is cut off. Returns the
 * packet's whole length. For sinks that know no offload. */
TF_API int32_t tf_output_copy(const tf_output *entry, uint32_t index, uint8_t *buffer, uint32_t capacity);
/* [free] */
TF_API void tf_output_free(tf_output *const *entries, uint32_t count);

/* ---- statistics ----------------------------------------------------------------- */

/* Why an input packet, or an output one, was dropped. */
typedef enum tf_drop {
  TF_DROP_LENGTH = 0,          /* shorter or longer than its headers say */
  TF_DROP_VERSION = 1,         /* neither IPv4 nor IPv6 */
  TF_DROP_IP_HEADER = 2,       /* header length or checksum */
  TF_DROP_IP_OPTIONS = 3,      /* IPv4 options */
  TF_DROP_EXTENSION = 4,       /* IPv6 extension headers other than fragment */
  TF_DROP_SOURCE = 5,          /* source no host may use (RFC 1122 3.2.1.3, RFC 4291) */
  TF_DROP_DESTINATION = 6,     /* destination that is not served: loopback, unspecified, mapped */
  TF_DROP_MULTICAST = 7,       /* multicast and broadcast destinations */
  TF_DROP_LAND = 8,            /* source equals destination */
  TF_DROP_PORT = 9,            /* port 0 */
  TF_DROP_PROTOCOL = 10,       /* neither TCP, UDP nor an echo request */
  TF_DROP_TCP_HEADER = 11,     /* data offset */
  TF_DROP_TCP_OPTIONS = 12,    /* malformed TCP options */
  TF_DROP_TCP_FLAGS = 13,      /* SYN with FIN or RST, no flags at all */
  TF_DROP_UDP_HEADER = 14,     /* UDP length */
  TF_DROP_CHECKSUM = 15,       /* transport checksum, or none over IPv6 (RFC 8200 8.1) */
  TF_DROP_FRAGMENT = 16,       /* fragment that can not be part of anything served */
  TF_DROP_REASSEMBLY = 17,     /* fragments over the cap, timed out or overlapping */
  TF_DROP_OFFLOAD = 18,        /* offload fields that contradict the packet */
  TF_DROP_ACK_RANGE = 19,      /* acknowledgment outside RFC 5961 5.2 */
  TF_DROP_FLOW_LIMIT = 20,     /* max_flows */
  TF_DROP_PENDING_LIMIT = 21,  /* max_pending, max_pending_source */
  TF_DROP_FLOW_BYTES = 22,     /* the flow's or the stack's byte budget */
  TF_DROP_SESSION_QUEUE = 23,  /* the session's queue is full */
  TF_DROP_MEMORY = 24,         /* the allocator or max_bytes refused */
  TF_DROP_ECHO = 25,           /* echo request: not answered by policy, or beyond max_echoes */
  TF_DROP_ICMP_LIMIT = 26,     /* out: icmp_per_second, challenge ACKs included */
  TF_DROP_OUTPUT_FULL = 27,    /* out: output_bytes */
  TF_DROP_CLOSED_FLOW = 28,    /* data for a flow whose reading side was discarded */
  TF_DROP_HALF_OPEN_LIMIT = 29, /* a handshake given up for a younger one at max_half_open */
  TF_DROP_REASONS = 30
} tf_drop;

typedef struct tf_stats {
  uint64_t packets_in;
  uint64_t bytes_in;
  uint64_t packets_out;      /* entries; a super-packet counts once */
  uint64_t bytes_out;
  uint64_t flows_opened;     /* handshakes completed, ever */
  uint64_t flows_refused;
  uint64_t flows_reset_in;   /* RST from the application */
  uint64_t flows_reset_out;  /* RST to the application, aborts and timeouts */
  uint64_t flows_half_closed; /* of these, ended by half_closed_timeout */
  uint64_t sessions_opened;
  uint64_t sessions_evicted; /* to make room at max_sessions */
  uint64_t native_bytes;     /* allocated now */
  uint64_t native_bytes_peak;
  uint64_t allocation_failures; /* refused by max_bytes or the allocator; what each cost is counted elsewhere */
  uint64_t asserts;          /* lwIP assertions that failed; each ended its flow or packet */
  uint64_t ticks;            /* lwIP timer ticks run */
  uint64_t retransmissions;  /* segments lwIP sent again */
  uint64_t echo_replies;
  uint64_t drops[30];        /* by tf_drop */
  uint32_t flows;            /* living slots, pending and orphaned included */
  uint32_t flows_pending;
  uint32_t flows_half_open;
  uint32_t flows_time_wait;
  uint32_t sessions;
  uint32_t output_entries;
} tf_stats;

/* [lock] A consistent snapshot. */
TF_API int32_t tf_stack_get_stats(uint32_t stack, tf_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
