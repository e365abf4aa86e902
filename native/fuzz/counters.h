/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run of the target has done so far, for a campaign that lasts longer
 * than one process.
 */
#ifndef TUNFLOW_FUZZ_COUNTERS_H
#define TUNFLOW_FUZZ_COUNTERS_H

#include <stdint.h>

typedef struct counters {
    uint64_t programs;
    uint64_t packets;
    uint64_t calls;     /* of flows and sessions */
    uint64_t reactions; /* calls made at once when an event came */
    uint64_t failed_allocations;
    uint64_t asserts;   /* of lwIP, in programs that go on after one */
    uint64_t last_instance; /* programs that ran on the last stack of the library */
} counters;

/* In the file that the environment variable TUNFLOW_FUZZ_COUNTERS names, which
 * keeps them whatever ends the process and is continued by the next one; else
 * in memory. */
extern counters *count;

#endif
