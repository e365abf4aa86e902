/* A stack with a clock of its own, and the applications on the other side of its wire, which is memory. */
#ifndef TUNFLOW_SHIM_BENCH_WORLD_H
#define TUNFLOW_SHIM_BENCH_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "packets.h"

enum { WORLD_BATCH = 64, WORLD_MOST_PEERS = 60000 };

/* One application socket, TCP or UDP, and the id of its flow or session. */
typedef struct peer {
    path way;
    uint64_t id;
    uint32_t next;     /* sequence number it sends next */
    uint32_t expected; /* sequence number it receives next */
    bool acknowledge;  /* an ACK is due */
} peer;

typedef struct world {
    uint32_t stack;
    uint64_t now;
    peer *peers;
    uint32_t *by_flow;    /* peer by a flow's slot */
    uint32_t *by_session; /* peer by a session's slot */
    uint32_t *order;      /* a random one of the peers that are open: nobody comes twice in a batch, as long as there are enough */
    uint32_t order_count;
    uint32_t turn;
    uint64_t sent;        /* bytes of payload, by either side */
    uint64_t consumed;    /* of these, what reached the upstream's side */
    uint64_t received;    /* and what reached the applications */
    uint64_t closed;
    uint32_t acks_due[WORLD_BATCH * 64];
    uint32_t acks_due_count;
    tf_packet packets[WORLD_BATCH];
    uint32_t packet_count;
    uint8_t *blocks[WORLD_BATCH];
} world;

/* Ends the program with a message. */
_Noreturn void world_fail(const char *what, uint64_t value);

world *world_new(void);
/* Checks that nothing was dropped, repeated or asserted, and frees it. */
void world_free(world *w);

/* The buffer of the batch's next packet; world_add appends it. */
uint8_t *world_buffer(world *w);
void world_add(world *w, uint32_t length, const tf_offload *offload);
/* An ordinary segment of a peer, with no payload or with what its buffer holds. */
void world_add_segment(world *w, peer *p, uint8_t flags, uint32_t length);

/* The counted part of everything: the batch goes in, what happened is looked at, what was sent is taken and read by the peers. */
void world_run(world *w);
/* The same without input, for what was written. Between the two calls is a counted stretch of its own: counter_start, then this. */
void world_flush(world *w);
/* The acknowledgments that are due, in as many batches as they need. */
void world_acknowledge(world *w);

/* Whose turn it is, in the random order of those that were opened. */
peer *world_next(world *w);

/* Opens TCP flows, or UDP sessions, for the peers first..first+count-1. */
void world_open_flows(world *w, uint32_t first, uint32_t count);
void world_open_sessions(world *w, uint32_t first, uint32_t count);
/* The order is that of the first `count` peers. */
void world_shuffle(world *w, uint32_t count);

#endif
