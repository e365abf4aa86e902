/* Round trips on TCP connections or UDP sockets that are open already, some in parallel, one at a time on each. */
#ifndef TUNFLOW_LOAD_ROUNDTRIPS_H
#define TUNFLOW_LOAD_ROUNDTRIPS_H

#include "exchange.h"
#include "failures.h"
#include "histogram.h"
#include "loop.h"
#include "sockets.h"

#include <stdint.h>

#define ROUNDTRIP_SEQUENCE 8 /* a datagram begins with so many bytes of its number */

struct roundtrips;

struct channel {
    struct watch watch;
    struct roundtrips *owner;
    int descriptor; /* -1 once a connection broke */
    int waits;      /* for an answer */
    uint64_t number;
    uint64_t sent_at;
    uint64_t deadline; /* of the answer, or of the pause before the next request */
    struct exchange exchange;
};

struct roundtrips {
    const struct route *route;
    int datagrams;
    uint64_t parallel;
    uint64_t bytes;
    uint64_t timeout;  /* ns */
    uint64_t interval; /* ns between an answer and the next request */

    struct channel *channels;
    uint64_t alive; /* channels whose descriptor is open */
    uint64_t left;  /* requests that may still be sent */
    uint64_t busy;  /* channels that wait for an answer */
    uint64_t until;
    uint64_t next;  /* no deadline is before it */
    struct histogram durations;
    struct failures failures;
    uint64_t late;  /* datagrams that answer none that is waited for */
};

/*
 * Opens the channels and makes one round trip on each, which is not counted: the path may be opened by it. 0, or a failure
 * (EXIT_SETUP after a message).
 */
int roundtrips_open(struct roundtrips *trips);

/* Goes on until `count` requests were made, until the time (clock_now's), a signal, or all connections are broken. Adds to the results. */
void roundtrips_run(struct roundtrips *trips, uint64_t count, uint64_t until);

void roundtrips_forget_results(struct roundtrips *trips);
void roundtrips_close(struct roundtrips *trips);

/* Into the report under this name: count, failures, durations. */
void roundtrips_report(const struct roundtrips *trips, const char *name);

#endif
