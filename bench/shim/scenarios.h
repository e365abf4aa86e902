/* What is measured. A scenario opens its world and warms it up, runs as often as one likes, and checks at its end that every byte arrived. */
#ifndef TUNFLOW_SHIM_BENCH_SCENARIOS_H
#define TUNFLOW_SHIM_BENCH_SCENARIOS_H

#include "world.h"

typedef struct scenario {
    const char *name;
    const char *unit; /* what it counts: a packet is an ordinary one with its share of acknowledgments */
    world *(*open)(const struct scenario *scenario, uint32_t flows);
    /* At least so many packets (or connections), of the open flows in random order; returns how many. */
    uint32_t (*run)(world *w, const struct scenario *scenario, uint32_t packets);
    void (*close)(world *w);
    uint32_t payload;   /* bytes of each packet, or of each write or super-packet */
    uint32_t per_visit; /* packets or super-packets of one flow before the next one's turn */
    bool super;         /* the device cuts packets, or many packets leave as one */
} scenario;

world *flows_open(const scenario *scenario, uint32_t flows);
uint32_t flows_upload(world *w, const scenario *scenario, uint32_t packets);
uint32_t flows_download(world *w, const scenario *scenario, uint32_t packets);
/* SYN to closed, from both sides, while the open flows do nothing. */
uint32_t flows_connect(world *w, const scenario *scenario, uint32_t connections);

world *sessions_open(const scenario *scenario, uint32_t sessions);
uint32_t sessions_receive(world *w, const scenario *scenario, uint32_t packets);
uint32_t sessions_send(world *w, const scenario *scenario, uint32_t packets);

void scenario_close(world *w);

#endif
