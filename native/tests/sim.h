/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixture of the ABI tests: one stack, a virtual clock, a link to TCP client
 * models (peer.h) that can lose, double, delay and reorder packets, and simple
 * applications on the flows.
 *
 * Every packet the stack emits is checked on its way: lengths, all checksums,
 * the MTU, the offload header, and that tf_output_copy, the slices and an
 * independent segmentation of a super-packet agree byte by byte.
 * sim_close checks that everything was given back.
 */
#ifndef TUNFLOW_TESTS_SIM_H
#define TUNFLOW_TESTS_SIM_H

#include <stddef.h>

#include "harness.h"
#include "wire.h"

#define MILLISECONDS 1000ull
#define SECONDS 1000000ull

typedef struct sim sim;
typedef struct peer peer;

/* An owned packet. */
typedef struct packet {
    uint8_t *data;
    uint32_t length;
    tf_offload offload;
    uint64_t due;
    wire header; /* payload points into data */
    struct packet *next;
} packet;

typedef struct packet_queue {
    packet *first;
    packet *last;
    uint32_t count;
} packet_queue;

/* The application on one flow. What is not switched on stays in the test's hands. */
typedef struct flow {
    uint64_t id;
    tf_flow_details details; /* at the CONNECT event */
    uint32_t seen;           /* all event flags so far */
    uint32_t connects;       /* CONNECT events */
    uint32_t readable_events;
    int32_t status;          /* of the CLOSED event */
    bool released;           /* tf_flow_close was called */

    bool reads;              /* receives, checks against seed_in and consumes */
    bool echoes;             /* writes back what it reads */
    bool shuts;              /* shuts down after the end of the stream and all writes */
    bool auto_close;         /* closes after shutting down, or when the flow died */
    bool blocks;             /* writes with tf_flow_write_block */
    uint64_t seed_in;
    uint64_t received;
    bool ended;              /* the end of the stream was received */
    int32_t receive_error;
    uint64_t seed_out;
    uint64_t to_write;
    uint64_t written;
    bool shut;
    uint8_t *echo;           /* read but not yet written back */
    uint32_t echo_length;
    struct flow *next;
} flow;

typedef struct session {
    uint64_t id;
    uint32_t seen;
    int32_t status;
    bool released;
    struct session *next;
} session;

typedef struct impairment {
    uint32_t loss;      /* per million */
    uint32_t duplicate; /* per million */
    uint32_t reorder;   /* per million, by up to reorder_delay */
    uint64_t reorder_delay;
    uint64_t delay;
} impairment;

struct sim {
    uint32_t stack;
    tf_config config;
    uint64_t now;
    uint64_t random;
    uint64_t base_bytes;
    uint32_t mtu;

    impairment up;   /* towards the stack */
    impairment down; /* from the stack */
    packet_queue to_stack;
    packet_queue to_peers;
    packet_queue stray;      /* from the stack, for no peer */
    packet_queue fragments;  /* of datagrams not yet complete */
    bool blocks;             /* hand input over in blocks */
    bool accepts;            /* answer CONNECT with tf_flow_accept at once */
    bool tolerant;           /* calls may fail for lack of memory */
    bool hold_output;        /* leave packets in the stack's output queue */
    flow template_;          /* behaviour of new flows */

    peer *peers;
    flow *flows;
    session *sessions;
    uint32_t flow_count;
    uint64_t outputs;        /* entries taken */
    uint64_t super_packets;
    uint64_t fragments_out;
    uint32_t echo_events;
    uint64_t ticks;
    uint32_t stray_expected; /* of the test's accounting */
    uint32_t dummies[64];    /* stacks created to reach the last instance */
    uint32_t dummy_count;
};

typedef void (*sim_configure)(tf_config *config);

sim *sim_open(sim_configure configure);
/* Closes what is open, lets timers run out and checks that nothing is left. */
void sim_close(sim *s);
/* The same without the closing: the stack is destroyed as it is. */
void sim_destroy(sim *s);

/* Everything that can happen without time passing. */
void sim_pump(sim *s);
/* To the next thing that happens, at most until `limit`. False: limit reached. */
bool sim_step(sim *s, uint64_t limit);
void sim_run(sim *s, uint64_t duration);
/* Without a tick or pump. */
void sim_advance(sim *s, uint64_t duration);

#define SIM_WAIT(s, duration, condition)                                                           \
    do {                                                                                           \
        uint64_t limit_ = (s)->now + (duration);                                                   \
        sim_pump(s);                                                                               \
        while (!(condition) && sim_step(s, limit_)) {                                              \
        }                                                                                          \
        CHECK(condition);                                                                          \
    } while (0)

/* Queues a packet towards the stack, through the link's impairments. */
void sim_send(sim *s, const uint8_t *data, uint32_t length, const tf_offload *offload);
void sim_send_wire(sim *s, const wire *w);
/* Hands one packet to the stack now; returns tf_input's result. */
int32_t sim_input(sim *s, const uint8_t *data, uint32_t length, const tf_offload *offload);
int32_t sim_input_wire(sim *s, const wire *w);
/* The oldest packet that was for no peer, or NULL. Valid until the next call. */
const packet *sim_stray(sim *s);

tf_stats sim_stats(sim *s);
uint64_t sim_drops(sim *s, tf_drop reason);
/* The only flow that is not released, or the newest one. */
flow *sim_flow(sim *s);
flow *sim_flow_of(sim *s, const peer *p);
flow *sim_find_flow(sim *s, uint64_t id);
session *sim_session(sim *s);
session *sim_find_session(sim *s, uint64_t id);
void sim_release_flow(sim *s, flow *f, uint64_t linger);

/* For the files of the fixture. */
void packet_push(packet_queue *queue, packet *one);
packet *packet_pop(packet_queue *queue);
void packet_insert_by_time(packet_queue *queue, packet *one);
packet *packet_new(const uint8_t *data, uint32_t length, const tf_offload *offload);
void packet_free(packet *one);
void packet_clear(packet_queue *queue);
void sim_check_output(sim *s, const tf_output *entry, packet_queue *out);
void sim_impair(sim *s, const impairment *how, packet_queue *queue, packet *one);
void sim_print(sim *s, const char *direction, const packet *one);
void flow_drive(sim *s, flow *f);
void flow_event(sim *s, const tf_event *event);
void flow_free(flow *f);

#endif
