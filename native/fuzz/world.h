/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz target knows while it runs: the stack, the connections it plays
 * the client of, and everything it still has to give back.
 *
 * An input is a program: three bytes of configuration, then operations, each an
 * opcode byte and its operands (program.h). Packets are made from templates
 * that follow the state of their connection, so that most of them get past the
 * filter and into lwIP, and are then bent by operands; checksums are corrected
 * unless the program says otherwise.
 */
#ifndef TUNFLOW_FUZZ_WORLD_H
#define TUNFLOW_FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

enum {
    TUPLES = 6,
    FLOWS = 16,
    SESSIONS = 16,
    OUTPUTS = 64,
    DATAGRAMS = 16,
    ECHOES = 4,
    BLOCKS = 8,
    BATCH = 16,
    REACTIONS = 7
};

/* The bytes of the program; zero beyond its end. */
typedef struct program {
    const uint8_t *bytes;
    size_t length;
    size_t position;
} program;

uint8_t next8(program *p);
uint16_t next16(program *p);
uint32_t next32(program *p);
/* A number that is often small, often near a 16-bit border, sometimes anything. */
uint32_t next_size(program *p);

/* The client's side of one connection. */
typedef struct tuple {
    tf_endpoint self;
    tf_endpoint remote;
    uint32_t next;      /* sequence number that the client sends next */
    uint32_t expected;  /* next one from the stack, as its packets told */
    uint32_t acked;     /* what the stack acknowledged last */
    uint32_t mss;
} tuple;

typedef struct queued_packet {
    uint8_t *data;  /* allocated, or inside `block` */
    uint8_t *block;
    uint32_t length;
    tf_offload offload;
} queued_packet;

/* What is done at once when an event comes; one for each bit of tf_event_flags. */
typedef struct reaction {
    bool set;
    uint8_t what; /* see flow_action() and session_action() */
    uint8_t operands[2];
} reaction;

typedef struct world {
    uint32_t stack;
    uint32_t companion; /* created to reach the last instance */
    bool has_companion;
    bool goes_on_after_asserts; /* a failed one is a finding at the end, not at once */
    uint64_t asserts;
    tf_config config;
    uint64_t now;
    tuple tuples[TUPLES];
    uint64_t flows[FLOWS];
    uint64_t sessions[SESSIONS];
    tf_output *outputs[OUTPUTS]; /* taken, not yet freed */
    uint32_t output_count;
    tf_datagram *datagrams[DATAGRAMS];
    uint64_t datagram_sessions[DATAGRAMS];
    tf_datagram *echoes[ECHOES]; /* received, not yet answered */
    uint8_t *blocks[BLOCKS];
    queued_packet batch[BATCH];
    uint32_t batch_count;
    uint32_t mtu;
    reaction reactions[REACTIONS];
} world;

/* Ends the process: libFuzzer takes it as a finding. */
_Noreturn void finding(const char *what);

bool world_open(world *w, program *p);
void world_close(world *w);
/* Events, and what the stack promises about its own numbers. */
void world_observe(world *w);

/* packets.c */
void packet_syn(world *w, program *p);
void packet_segment(world *w, program *p);
void packet_datagram(world *w, program *p);
void packet_fragment(world *w, program *p);
void packet_echo(world *w, program *p);
void packet_burst(world *w, program *p);
void packet_raw(world *w, program *p);
void packets_flush(world *w);

/* calls.c */
void flow_action(world *w, uint64_t id, uint8_t what, program *p);
void session_action(world *w, uint64_t id, uint8_t what, program *p);
void call_flow(world *w, program *p);
void call_session(world *w, program *p);
void call_stack(world *w, program *p);
void call_block(world *w, program *p);

/* react.c */
void call_react(world *w, program *p);
void world_react(world *w, const tf_event *event);

/* outputs.c */
void outputs_take(world *w, uint32_t most, bool keep);
void outputs_free(world *w);

#endif
