/* Datagrams with a number and the time they left, on one socket. */
#ifndef TUNFLOW_LOAD_UDP_H
#define TUNFLOW_LOAD_UDP_H

#include "failures.h"
#include "histogram.h"
#include "loop.h"

#include <stdint.h>

#define UDP_HEADER 16
#define UDP_BATCH 64u
#define UDP_REMEMBERED 65536 /* numbers back from the latest, for telling copies */

struct udp_results {
    uint64_t sent;
    uint64_t received;
    uint64_t copies;
    struct failures failures; /* of sending, and answers with other bytes */
    struct histogram durations;
};

struct udp_flow {
    struct watch watch;
    struct udp_results *results; /* shared by all flows */
    int descriptor;
    uint64_t bytes;
    uint64_t next;        /* number */
    uint64_t waiting;     /* sent, neither answered nor given up */
    uint64_t progress_at; /* when one was answered last */
    uint8_t seen[UDP_REMEMBERED / 8];
};

/* Sends up to `count`; how many the socket took. */
unsigned int udp_send(struct udp_flow *flow, unsigned int count);

/* Reads until the socket is empty. */
void udp_receive(struct udp_flow *flow);

#endif
